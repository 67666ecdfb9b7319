//! The task that holds the event socket open and passes its news on.

use agent_core::LinkEvent;
use cloud_client::{CloudClient, EventMessage, SecretString, dial_events};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::agent_loop::News;
use crate::reports::failure;

/// The running task; dropping it closes the socket.
pub(crate) struct Link {
    pings: mpsc::Sender<()>,
    task: JoinHandle<()>,
}

impl Link {
    /// Dials and listens.
    pub fn open(
        client: CloudClient,
        workstation_id: String,
        token: SecretString,
        news: mpsc::Sender<News>,
    ) -> Self {
        let (pings, orders) = mpsc::channel(1);
        let task = tokio::spawn(async move {
            let end = listen(&client, &workstation_id, &token, &news, orders).await;
            let _ = news.send(News::Core(agent_core::Event::Link(end))).await;
        });
        Self { pings, task }
    }

    /// Sends the liveness probe.
    pub fn ping(&self) {
        // One probe waiting is enough.
        let _ = self.pings.try_send(());
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(
    client: &CloudClient,
    workstation_id: &str,
    token: &SecretString,
    news: &mpsc::Sender<News>,
    mut pings: mpsc::Receiver<()>,
) -> LinkEvent {
    let dialled = dial_events(client.network(), client.base(), workstation_id, token).await;
    let mut socket = match dialled {
        Ok(socket) => socket,
        Err(error) => return LinkEvent::Failed(failure(&error)),
    };
    let broken = |message: String| {
        LinkEvent::Failed(agent_core::CloudFailure {
            message,
            ..agent_core::CloudFailure::default()
        })
    };
    let mut event = LinkEvent::Opened;
    loop {
        if news
            .send(News::Core(agent_core::Event::Link(event)))
            .await
            .is_err()
        {
            return LinkEvent::Closed;
        }
        event = loop {
            tokio::select! {
                message = socket.next() => match message {
                    Ok(Some(EventMessage::AttachJobs | EventMessage::Ready)) => break LinkEvent::AttachJobs,
                    Ok(Some(EventMessage::WentOffline)) => break LinkEvent::WentOffline,
                    Ok(Some(EventMessage::Other)) => break LinkEvent::Traffic,
                    Ok(None) => return LinkEvent::Closed,
                    Err(error) => return broken(error),
                },
                Some(()) = pings.recv() => if let Err(error) = socket.ping().await {
                    return broken(error);
                },
            }
        };
    }
}
