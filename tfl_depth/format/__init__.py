"""The .tflite file: its tables, contract, golden vectors and signature."""
