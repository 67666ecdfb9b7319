# %%
from IPython.display import HTML, display, update_display
display(HTML("<i>placeholder</i>"), display_id="shared")
# %%
print("meanwhile")
# %%
update_display(HTML("<b>the result</b>"), display_id="shared")
# %%
update_display("nobody shows this", display_id="unknown")
