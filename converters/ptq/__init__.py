"""Post-training quantization: ranges and weights from calibration photos, no labels, no gradients."""
