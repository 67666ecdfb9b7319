# %%
from IPython.display import HTML, display, update_display
handle = display("waiting", display_id="status")
for i in range(5):
    handle.update(f"step {i}")
# %%
plain = display(HTML("<p>first</p>"), display_id=True)
print("between")
plain.update(HTML("<p>second</p>"))
