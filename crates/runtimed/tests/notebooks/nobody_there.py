# %%
print?
# %%
%psearch print*
# %%
get_ipython().history_manager.hist_file
# %%
import ipywidgets as widgets
from IPython.display import display
bar = widgets.IntProgress(value=3)
box = widgets.HBox([widgets.HTML("done"), bar])
display(box)
# %%
box.close()
bar.close()
print("closed")
