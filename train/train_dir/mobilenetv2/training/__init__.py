"""Feature extraction, classifier training, fine-tuning and distillation, and how an interrupted training resumes."""
