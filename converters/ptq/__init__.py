"""Post-training quantization: ranges and weights from calibration photos, without labels."""
