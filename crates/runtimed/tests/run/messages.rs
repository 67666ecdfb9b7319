//! Messages of a real kernel that are no strict JSON. They vanished, and an exception among them counted as success.

use super::{read, run};

#[test]
fn an_exception_with_a_files_odd_name_is_one() {
    let source = "# %%\nimport os\nprint('before')\nprint(os.fsdecode(b'caf\\xe9'))\nprint('after')\n\
                  # %%\nraise ValueError(os.fsdecode(b'caf\\xe9'))\n# %%\nprint('never')";
    let ran = run(source, &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    assert!(
        ran.said.contains("cell 2 failed: ValueError: caf\u{fffd}"),
        "{}",
        ran.said
    );
    let text = ran.text(0);
    assert!(
        text.contains(r#""before\n","caf"#) && text.contains("after"),
        "{text}"
    );
    assert_eq!(ran.text(2), "[]");
}

#[test]
fn what_nests_deep_is_written_as_it_came() {
    let source = "# %%\nfrom IPython.display import JSON\nd = {'end': 1}\nfor _ in range(200):\n    d = {'layer': [d]}\nJSON(d)";
    let ran = run(source, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    let outputs = &ran.written.as_ref().unwrap()["cells"][0]["outputs"];
    let mut value = &outputs[0]["data"]["application/json"];
    for _ in 0..200 {
        value = &value["layer"][0];
    }
    assert_eq!(value["end"], 1);
    // What was written can be run again.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("again.ipynb");
    std::fs::write(&path, ran.written.as_ref().unwrap().to_string()).unwrap();
    let again = super::runtimed(&path, &["--inplace"]);
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert_eq!(&read(&path)["cells"][0]["outputs"], outputs);
}

#[test]
fn an_exception_that_cannot_be_read_at_all_is_one() {
    // A level more than is taken.
    let source = "# %%\nfrom IPython import get_ipython\nkernel = get_ipython().kernel\ndeep = 1\nfor _ in range(1200):\n    deep = [deep]\n\
                  import sys; sys.setrecursionlimit(20000)\n\
                  kernel.session.send(kernel.iopub_socket, 'error', {'ename': 'E', 'evalue': 'v', 'traceback': deep}, parent=kernel.get_parent(), ident=b'error')\n\
                  kernel.session.send(kernel.iopub_socket, 'display_data', {'data': {'application/json': deep}, 'metadata': {}}, parent=kernel.get_parent(), ident=b'd')\n\
                  # %%\nprint('never')";
    let ran = run(source, &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    assert!(ran.text(0).contains("left out"), "{}", ran.text(0));
    assert_eq!(ran.text(1), "[]");
}

// The kernel is told what its Output widget took: the keeper has to read that as well.
#[test]
fn what_nests_deep_is_captured_and_the_kernel_lives_on() {
    let source = "# %%\nimport ipywidgets as w\nfrom IPython.display import JSON, display\nd = 1\nfor _ in range(200):\n    d = [d]\n\
                  out = w.Output()\nwith out:\n    display(JSON(d))\n# %%\nprint('alive')\n# %%\nlen(out.outputs)";
    let ran = run(source, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    assert!(ran.text(1).contains("alive"), "{}", ran.text(1));
    assert!(ran.text(2).contains('1'), "{}", ran.text(2));
}

// Shell and iopub are two sockets: the small reply overtakes.
#[test]
fn an_exception_after_a_large_output_stands_behind_it_once() {
    let source = "# %%\nprint('x' * 30_000_000)\nraise ValueError('boom')";
    let ran = run(source, &[]);
    let cells = &ran.written.as_ref().unwrap()["cells"];
    let outputs = cells[0]["outputs"].as_array().unwrap();
    let kinds: Vec<_> = outputs
        .iter()
        .map(|output| &output["output_type"])
        .collect();
    assert_eq!(kinds, ["stream", "error"]);
}
