# --- {"nbclient": {"allow_errors": true}}
# %%
import os, sys
print("before")
print(os.fsdecode(b"caf\xe9"))
print("after", file=sys.stderr)
# %%
from IPython.display import display
display({"text/plain": os.fsdecode(b"caf\xe9"), "application/json": {"name": os.fsdecode(b"\xff")}}, raw=True)
# %%
raise ValueError(os.fsdecode(b"caf\xe9"))
