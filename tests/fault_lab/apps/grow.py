"""A worker that takes more and more memory."""

print("working", flush=True)
taken = []
while True:
    taken.append(bytearray(1 << 20))
