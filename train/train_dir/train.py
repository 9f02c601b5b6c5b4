"""Fine-tune MobileNetV2 on folders of photos.

    python train.py                                                # drawings made by this program, under a minute
    python train.py --data_url photos --pretrain_url weights.ckpt --output_path out
    python train.py --data_url photos --teacher_url weights.ckpt --compact        # a small network, in a small file

Leaves mobilenetv2.ckpt, report.html and the files that docs/training.md lists in the output folder. Exit code 0: the checkpoint
is written, or the photos are checked; 2: something that you can mend, said in words; 3: the accuracy is below --min_accuracy;
130 and 143: stopped by Ctrl-C and by the system. However it was stopped, the same command goes on from there."""

from mobilenetv2.train_command import main, run

__all__ = ["main", "run"]

if __name__ == "__main__":
    run()
