class Proof: pass
def sealed(x): return x
