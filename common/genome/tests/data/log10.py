"""Writes log10.txt: bits of x and of log10 x rounded correctly (mpmath, 400 bits)."""
import random, struct, mpmath
mpmath.mp.prec = 400
random.seed(7)
def bits(v): return struct.unpack("<Q", struct.pack("<d", v))[0]
def double(b): return struct.unpack("<d", struct.pack("<Q", b))[0]
def rounded(x):
    with mpmath.workprec(400): y = mpmath.log10(mpmath.mpf(x))
    return float(mpmath.mpf(y))
xs = [double(random.randrange(1, 0x7FF0000000000000)) for _ in range(500)]
xs += [random.random() for _ in range(400)] + [float(i) for i in range(2, 302)]
xs += [1 + random.uniform(-1, 1) * 2.0 ** -random.randrange(1, 50) for _ in range(280)]
xs += [double(b) for b in (1, 2, 0xFFFFFFFFFFFFF, 0x10000000000000, 0x7FEFFFFFFFFFFFFF)]
xs += [10.0 ** -i for i in range(1, 16)]
with open("log10.txt", "w") as out:
    for x in xs: out.write(f"{bits(x):x} {bits(rounded(x)):x}\n")
