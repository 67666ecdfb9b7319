# %%
from IPython.display import HTML, clear_output, display
import sys
for i in range(20):
    clear_output(wait=True)
    print(f"frame {i}")
    display(HTML(f"<b>{i}</b>"))
# %%
print("kept, since nothing follows")
clear_output(wait=True)
# %%
print("error too")
sys.stderr.write("err\n")
clear_output(wait=True)
display("only this")
