"""What a model file holds (`inspect_report`) and what a board can run (`doctor_report`)."""
