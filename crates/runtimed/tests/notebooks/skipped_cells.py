# %%

# %%
   
# %% {"tags": ["skip-execution"], "outputs": [{"output_type": "stream", "name": "stdout", "text": ["kept\n"]}], "execution_count": 3}
raise SystemError("never run")
# %%
# only a comment
# %%
print("count is", get_ipython().execution_count)
