//! Widgets of a real kernel: their state in CommsDoc, their own messages to everybody, people's messages to the kernel.

use std::time::Duration;

use anyhow::{Context as _, Result};
use processes::{Attached, Cloud, Room, USER, Workstation, test_python};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);

const SOURCE: &str = "\
import ipywidgets
slider = ipywidgets.IntSlider(value=3, max=10)
double = ipywidgets.IntText()
button = ipywidgets.Button()
slider.observe(lambda change: setattr(double, 'value', 2 * change.new), 'value')
button.on_click(lambda _: setattr(double, 'value', 1000 + slider.value))
slider.on_msg(lambda _, content, buffers: slider.send({'heard': content}, [bytes(b)[::-1] for b in buffers]))
text, picture = ipywidgets.Text(), ipywidgets.Image()
text.observe(lambda change: setattr(double, 'value', len(change.new)), 'value')
picture.observe(lambda change: setattr(double, 'value', sum(change.new)), 'value')
print(text.model_id, picture.model_id, slider.model_id, double.model_id, button.model_id)
";

struct Scene {
    cloud: Cloud,
    workstation: Workstation,
    notebook: String,
    room: Room,
}

async fn scene() -> Result<Scene> {
    let cloud = Cloud::start().await?;
    let mut workstation = Workstation::new(&cloud, "machine");
    workstation.connect(&cloud).await?;
    workstation.start(&test_python())?;
    workstation.online(&cloud).await?;
    let Attached { room, notebook, .. } = Attached::idle(&cloud, &workstation, "widgets").await?;
    Ok(Scene {
        cloud,
        workstation,
        notebook,
        room,
    })
}

async fn tell(
    room: &Room,
    comm: &str,
    content: Value,
    buffers: Value,
    heads: &[String],
) -> Result<()> {
    let data = json!({"method": "custom", "content": content});
    let message = json!({"header": {"msg_type": "comm_msg"}, "buffers": buffers,
        "content": {"comm_id": comm, "data": data}});
    let id = uuid::Uuid::new_v4().to_string();
    room.request(json!({"id": id, "action": "send_comm", "message": message, "comms_heads": heads}))
        .await
}

// WS-333 WS-330 RP-169
#[tokio::test]
async fn widgets_live_in_the_room_and_their_messages_reach_everybody() -> Result<()> {
    let Scene {
        cloud,
        mut workstation,
        notebook,
        room,
    } = scene().await?;
    let other = Room::join_as(&cloud, &notebook, USER, "viewer").await?;
    let execution = room.run(SOURCE, LIMIT).await?;
    let text = room.text(&cloud, &notebook, &execution, "stdout").await?;
    let [words, picture, slider, double, button] = text.split_whitespace().collect::<Vec<_>>()[..]
    else {
        anyhow::bail!("{text}");
    };
    other.trait_is(slider, "value", json!(3), LIMIT).await?;

    room.set_trait(slider, "value", 7).await?;
    other.trait_is(double, "value", json!(14), LIMIT).await?;
    other.trait_is(slider, "value", json!(7), LIMIT).await?;
    // What the kernel makes of it counts.
    room.set_trait(slider, "value", 99).await?;
    room.trait_is(slider, "value", json!(10), LIMIT).await?;
    room.trait_is(double, "value", json!(20), LIMIT).await?;

    // The click comes after the move, though it may be sooner on the line.
    let heads = room.set_trait(slider, "value", 4).await?;
    tell(&room, button, json!({"event": "click"}), json!([]), &heads).await?;
    other.trait_is(double, "value", json!(1004), LIMIT).await?;

    // What another client stored comes with its bytes.
    let stored = cloud.store(&notebook, "text/plain", &[b'w'; 2345]);
    room.set_trait(words, "value", stored.await?).await?;
    other.trait_is(double, "value", json!(2345), LIMIT).await?;
    let stored = cloud.store(&notebook, "application/octet-stream", &[200, 255, 2]);
    room.set_trait(picture, "value", stored.await?).await?;
    other.trait_is(double, "value", json!(457), LIMIT).await?;

    let long: Vec<u8> = (0..100_000).map(|at| (at % 251) as u8).collect();
    tell(
        &room,
        slider,
        json!("hello"),
        json!([[1, 2, 255], long]),
        &[],
    )
    .await?;
    for room in [&room, &other] {
        let said = room
            .heard("the widget's message", LIMIT, |frame| {
                frame["event"] == "comm"
            })
            .await?;
        assert_eq!(said["content"]["comm_id"], slider);
        assert_eq!(
            said["content"]["data"]["content"],
            json!({"heard": "hello"})
        );
        assert_eq!(said["buffers"][0], json!([255, 2, 1]));
        // 4 characters for each 3 bytes.
        assert_eq!(said["buffers"][1].as_str().map(str::len), Some(133_336));
    }
    assert_eq!(workstation.stop().await?, Some(0), "{}", workstation.log());
    Ok(())
}

#[tokio::test]
async fn the_kernels_debugger_answers() -> Result<()> {
    let Scene {
        cloud: _cloud,
        mut workstation,
        room,
        ..
    } = scene().await?;
    let ask = async |seq: u64, command: &str, arguments: Value| {
        let request =
            json!({"type": "request", "seq": seq, "command": command, "arguments": arguments});
        let id = format!("debug-{seq}");
        room.request(json!({"id": id, "action": "debug", "request": request}))
            .await?;
        room.heard("the debugger's answer", LIMIT, |frame| frame["id"] == id)
            .await
    };
    let info = ask(1, "debugInfo", json!({})).await?;
    assert_eq!(info["result"], "debug_result", "{info}");
    assert_eq!(info["body"]["isStarted"], false, "{info}");
    room.run("answer = 42", LIMIT).await?;
    let seen = ask(2, "inspectVariables", json!({})).await?;
    let variables = seen["body"]["variables"]
        .as_array()
        .context("no variables")?;
    let is_answer = |variable: &Value| variable["name"] == "answer" && variable["value"] == "42";
    assert!(variables.iter().any(is_answer), "{seen}");
    assert_eq!(workstation.stop().await?, Some(0), "{}", workstation.log());
    Ok(())
}
