"""What every request passes before its view: Host and Origin, token, inputs, whose state it asks
for.
"""
