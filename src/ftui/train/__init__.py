"""From a dataset version to a job to a model: the plan with its price, the upload, the watch."""
