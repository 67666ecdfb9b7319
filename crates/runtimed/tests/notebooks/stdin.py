# %% {"tags": ["raises-exception"]}
input("name? ")
# %% {"tags": ["raises-exception"]}
import getpass
getpass.getpass()
# %%
print("nobody answered")
