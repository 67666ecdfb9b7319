# %% {"tags": ["raises-exception"]}
import sys
sys.exit(3)
# %% {"tags": ["raises-exception"]}
raise KeyboardInterrupt
# %%
print("still here")
