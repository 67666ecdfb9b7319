# %%
import ipywidgets as widgets
from IPython.display import HTML, display
out = widgets.Output()
out
# %%
with out:
    print("captured")
    print("captured too")
    display(HTML("<b>rich</b>"))
print("not captured")
# %%
with out:
    1 / 0
print("the cell goes on")
# %%
second = widgets.Output()
with second:
    print("x" * 2000)
    with out:
        print("inner")
    print("outer")
# %%
third = widgets.Output()
with third:
    print("before")
third.clear_output()
with third:
    print("after")
third
