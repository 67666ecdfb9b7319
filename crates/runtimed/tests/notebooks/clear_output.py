# %%
from IPython.display import clear_output, display
print("gone")
display("gone too")
clear_output()
print("stays")
# %%
print("alone")
clear_output()
