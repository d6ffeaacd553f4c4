"""The commands: tools/convert, tools/infer, tools/train."""
