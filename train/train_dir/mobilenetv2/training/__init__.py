"""Features, classifier, fine-tuning and distillation, and how a stopped training goes on."""
