# What notebook code may try to get at this machine's secrets. Prints, as JSON, how much was tried and what succeeded.
# GIVEN: the credential file, the state folder, a second path to the home, and the numbers of processes outside.
import ctypes, json, os, socket, stat, struct, subprocess, sys

libc = ctypes.CDLL(None, use_errno=True)
tried, reached = 0, []
CLONE_NEWNS, CLONE_NEWUSER, MS_BIND, MS_REC, MS_MOVE = 0x20000, 0x10000000, 4096, 16384, 8192
PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SEIZE = 16, 17, 0x4206


def attempt(name, action):
    """An action that returns anything true has succeeded."""
    global tried
    tried += 1
    try:
        result = action()
    except Exception:
        return
    if result:
        reached.append(name)


def in_child(action):
    """The same in a process of its own, which it may leave in any state."""
    def run():
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                result = action()
            except BaseException:
                result = None
            os.write(write, b"1" if result else b"0")
            os._exit(0)
        os.close(write)
        said = os.read(read, 1)
        os.close(read)
        os.waitpid(child, 0)
        return said == b"1"
    return run


def content(path):
    def read():
        with open(path, "rb") as file:
            return file.read(4096)
    return read


def has_secret(path):
    return lambda: any(mark in content(path)() for mark in (b"nwc_", b"nwr_", b"visible-secret"))


def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def checked(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), "")
    return True


credential, state, again = GIVEN["credential"], GIVEN["state"], GIVEN["again"]
config = os.path.dirname(credential)
home = os.path.dirname(os.path.dirname(config))

# The files: by their names, around them, and in every folder from here.
attempt("credential", content(credential))
attempt("credential by /proc/self/root", content("/proc/self/root" + credential))
attempt("credential by /proc/self/cwd", content("/proc/self/cwd/" + os.path.relpath(credential)))
attempt("credential by ..", content(os.path.join(config, "..", "runt", os.path.basename(credential))))
link = os.path.join(home, f"link-{os.getpid()}")
os.symlink(config, link)
attempt("credential by a link", content(os.path.join(link, os.path.basename(credential))))
os.unlink(link)
attempt("credential by another mount", content(os.path.join(again, os.path.relpath(credential, home))))
attempt("credential by an older descriptor", lambda: any(
    os.path.realpath(f"/proc/self/fd/{fd}").startswith((config, state)) for fd in os.listdir("/proc/self/fd")))
for folder in (config, os.path.join(again, os.path.relpath(config, home))):
    attempt(f"names in {folder}", lambda: os.listdir(folder))
    attempt(f"a file in {folder}", lambda: open(os.path.join(folder, "planted"), "w"))
own = os.path.dirname(GIVEN["connection_file"])
for top in (state, os.path.join(again, os.path.relpath(state, home))):
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if folder != own:
                attempt(f"file {path}", lambda: os.lstat(path))
attempt("a link to the credential", lambda: os.link(credential, os.path.join(home, "stolen")) is None)
def moved():
    os.rename(config, config + "-moved")
    os.rename(config + "-moved", config)
    return True

attempt("the credential's folder, moved", moved)

# Around them: folders above, and the programs that run outside.
def aside_and_back(path):
    def run():
        os.rename(path, path + "-aside")
        os.rename(path + "-aside", path)
        return True
    return run

attempt("the folder above the credential's, moved", aside_and_back(os.path.dirname(config)))
attempt("another in its place", lambda: os.rename(os.path.dirname(config), os.path.join(home, "elsewhere")) is None
        and os.rename(os.path.join(home, "elsewhere"), os.path.dirname(config)) is None)
for folder, _, names in os.walk(home):
    for name in names:
        if name == os.path.basename(credential):
            attempt(f"a credential in {folder}", content(os.path.join(folder, name)))
for program in GIVEN["programs"]:
    for way in (program, os.path.join(again, os.path.relpath(program, home))):
        attempt(f"{way}, replaced", aside_and_back(way))
        # A program that runs cannot be written to in any case.
        attempt(f"{way}, written to", lambda: os.open(way, os.O_WRONLY) + 1)
        attempt(f"{way}, linked", lambda: os.link(way, os.path.join(home, f"linked-{os.getpid()}")) is None)
    attempt(f"the folder of {program}, moved", aside_and_back(os.path.dirname(program)))
attempt("the folder above the programs', moved", aside_and_back(os.path.join(home, ".local")))

# The sockets of the agent, of its desks and of the keepers; the account's service manager.
def connects(path):
    def visit():
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.connect(path)
        return True
    return visit

for path in GIVEN["sockets"]:
    for way in (path, os.path.join(again, os.path.relpath(path, home)), "/proc/self/root" + path):
        attempt(f"socket {way}", connects(os.path.relpath(way) if len(way) > 100 else way))
    for pid in GIVEN["outside"].values():
        attempt(f"socket {path} by {pid}", connects(f"/proc/{pid}/root{path}"))
for line in open("/proc/net/unix"):
    name = line.split()[-1]
    if name.startswith("@") and "runt" in name:
        attempt(f"abstract socket {name}", connects("\0" + name[1:]))

# Every process that shows something, and those outside by all that the system offers.
for pid in filter(str.isdigit, os.listdir("/proc")):
    attempt(f"secret in the environment of {pid}", has_secret(f"/proc/{pid}/environ"))
    attempt(f"secret in the command line of {pid}", has_secret(f"/proc/{pid}/cmdline"))
attempt("secret in the own environment", lambda: any(mark in str(os.environ) for mark in ("nwc_", "nwr_", "RUNT_")))
for name, pid in GIVEN["outside"].items():
    for file in ("environ", "maps", "auxv", "stack", "syscall"):
        attempt(f"{file} of {name}", content(f"/proc/{pid}/{file}"))
    attempt(f"mem of {name}", lambda: open(f"/proc/{pid}/mem", "rb"))
    for file in ("root", "cwd", "exe", "ns/mnt", "ns/user"):
        attempt(f"{file} of {name}", lambda: os.stat(f"/proc/{pid}/{file}"))
    attempt(f"credential by root of {name}", content(f"/proc/{pid}/root{credential}"))
    attempt(f"credential by cwd of {name}", content(f"/proc/{pid}/cwd/config/runt/workstation.json"))
    for fd in range(16):
        attempt(f"descriptors of {name}", lambda: os.readlink(f"/proc/{pid}/fd/{fd}"))
        attempt(f"files of {name}", lambda: open(f"/proc/{pid}/fd/{fd}", "rb"))
    for what in (PTRACE_ATTACH, PTRACE_SEIZE):
        def trace():
            checked(libc.ptrace(what, pid, None, None))
            libc.ptrace(PTRACE_DETACH, pid, None, None)
            return True
        attempt(f"ptrace {what} of {name}", in_child(trace))
    def read_memory():
        buffer = ctypes.create_string_buffer(8)
        local = struct.pack("PN", ctypes.addressof(buffer), 8)
        remote = struct.pack("PN", 0x10000, 8)
        libc.process_vm_readv(pid, local, 1, remote, 1, 0)
        # That there is no such address is said to those who may read.
        return ctypes.get_errno() == 14
    attempt(f"process_vm_readv of {name}", read_memory)
    attempt(f"pidfd_getfd of {name}", lambda: call(438, os.pidfd_open(pid), 0, 0) + 1)
    def enter(kind):
        def run():
            with open(f"/proc/{pid}/ns/{kind}") as namespace:
                checked(libc.setns(namespace.fileno(), 0))
            return True
        return run
    for kind in ("mnt", "user", "pid"):
        attempt(f"setns {kind} of {name}", in_child(enter(kind)))
    attempt(f"setns of {name} by its descriptor", in_child(
        lambda: checked(libc.setns(os.pidfd_open(pid), CLONE_NEWUSER | CLONE_NEWNS))))
    attempt(f"nsenter into {name}", lambda: subprocess.run(
        ["nsenter", "-t", str(pid), "-U", "-m", "--preserve-credentials", "cat", credential], capture_output=True).stdout)

# What covers the secrets: away with it, aside with it, around it; here and with the rights of a namespace of one's own.
def encoded(path):
    return os.fsencode(path)

def umount(flags):
    return lambda: checked(libc.umount2(encoded(config), flags))

def look():
    return content(credential)()

def bind(flags):
    def run():
        place = os.path.join(home, "place")
        os.makedirs(place, exist_ok=True)
        checked(libc.mount(encoded(home), encoded(place), None, flags, None))
        return content(os.path.join(place, os.path.relpath(credential, home)))()
    return run

def overlay():
    place = os.path.join(home, "place")
    for name in ("place", "upper", "work"):
        os.makedirs(os.path.join(home, name), exist_ok=True)
    options = f"lowerdir={home},upperdir={home}/upper,workdir={home}/work"
    checked(libc.mount(b"overlay", encoded(place), b"overlay", 0, encoded(options)))
    return content(os.path.join(place, os.path.relpath(credential, home)))()

def aside():
    place = os.path.join(home, "place")
    os.makedirs(place, exist_ok=True)
    checked(libc.mount(encoded(config), encoded(place), None, MS_MOVE, None))
    return look()

def away(flags):
    def run():
        umount(flags)()
        return look()
    return run

def let_go():
    """In a root of one's own, without the mounts of the former one, whose folders are still held."""
    held = os.open(home, os.O_RDONLY)
    place = os.path.join(home, "place")
    os.makedirs(place, exist_ok=True)
    checked(libc.mount(b"none", encoded(place), b"tmpfs", 0, None))
    os.makedirs(os.path.join(place, "former"))
    os.chdir(place)
    call(155 if os.uname().machine == "x86_64" else 41, encoded("."), encoded("former"))
    checked(libc.umount2(b"/former", 2))
    name = os.path.relpath(os.path.dirname(config), home)
    os.rename(name, name + "-aside", src_dir_fd=held, dst_dir_fd=held)
    os.rename(name + "-aside", name, src_dir_fd=held, dst_dir_fd=held)
    return True

def with_rights(action, as_root):
    def run():
        uid, gid = os.getuid(), os.getgid()
        checked(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS))
        for file, text in (("setgroups", "deny"), ("uid_map", f"{0 if as_root else uid} {uid} 1"), ("gid_map", f"{0 if as_root else gid} {gid} 1")):
            with open(f"/proc/self/{file}", "w") as map:
                map.write(text)
        return action()
    return run

for name, action in (("umount", away(0)), ("lazy umount", away(2)), ("bind", bind(MS_BIND)), ("rbind", bind(MS_BIND | MS_REC)),
                     ("overlay", overlay), ("move", aside), ("pivot", let_go)):
    attempt(name, in_child(action))
    attempt(f"{name} in a namespace", in_child(with_rights(action, False)))
    attempt(f"{name} as root of a namespace", in_child(with_rights(action, True)))
attempt("sudo", lambda: subprocess.run(["sudo", "-n", "cat", credential], capture_output=True).stdout)
attempt("rights", lambda: [line for line in open("/proc/self/status") if line.startswith(("CapEff", "CapPrm")) and int(line.split()[1], 16)])

print(json.dumps({"tried": tried, "reached": sorted(set(reached))}))
