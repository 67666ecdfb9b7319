# %%
import logging, warnings
warnings.warn("careful")
# %%
logging.basicConfig(level=logging.INFO, force=True)
logging.info("informed")
logging.error("failed")
# %%
import threading
done = threading.Event()
def work():
    print("from a thread", flush=True)
    done.set()
thread = threading.Thread(target=work)
thread.start()
thread.join()
done.wait()
print("joined")
