# %%
import sys
for i in range(4):
    print("out", i, flush=True)
    print("err", i, file=sys.stderr, flush=True)
# %%
from IPython.display import display
print("text")
display("display")
print("more text")
print("and more")
# %%
sys.stderr.write("no newline")
sys.stderr.flush()
sys.stdout.write("either")
