# %% {"outputs": [{"output_type": "stream", "name": "stdout", "text": ["old\n"]}, {"output_type": "display_data", "data": {"text/html": "<p>old</p>"}, "metadata": {}}], "execution_count": 41}
print("new")
# %% {"outputs": [{"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]}], "execution_count": 42}
pass
