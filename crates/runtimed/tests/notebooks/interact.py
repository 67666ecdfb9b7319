# %%
from ipywidgets import interactive
def show(n=3):
    print("n is", n)
    return n * 2
panel = interactive(show, n=(0, 10))
panel
# %%
panel.children[0].value = 5
panel.result
