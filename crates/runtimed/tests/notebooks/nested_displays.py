# %%
from IPython.display import display
def deep(n):
    if n:
        display({"level": n})
        deep(n - 1)
        print("up", n)
deep(4)
"result"
# %%
get_ipython().run_cell("print('run inside')\n40 + 2").result
# %%
display(1, 2, "three")
_ = 5
_
