"""Reports on a model file (`inspect_report`) and on a board (`doctor_report`)."""
