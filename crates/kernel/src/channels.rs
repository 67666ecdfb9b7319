//! The ZMQ side: connecting the channels, reading raw messages, sending ours.
//!
//! Reads never notice a dead kernel and connecting never fails by itself, so every use here is
//! raced with the process's exit by the caller.

use bytes::Bytes;
use jupyter_protocol::{ConnectionInfo, JupyterMessage, JupyterMessageContent, UnknownMessage};
use jupyter_zmq_client::{
    ClientIoPubConnection, Connection, DealerRecvConnection, DealerSendConnection, RawMessage,
    create_client_control_connection, create_client_iopub_connection,
    create_client_shell_connection_with_identity, create_client_stdin_connection_with_identity,
    peer_identity_for_session,
};
use zeromq::SocketRecv;

use crate::protocol::Outgoing;

/// Why a channel cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error("the kernel's channel failed: {0}")]
    Client(#[from] jupyter_zmq_client::RuntimeError),
    #[error("the kernel's channel failed: {0}")]
    Zmq(#[from] zeromq::ZmqError),
    #[error("the message cannot be sent: {0}")]
    Content(#[from] serde_json::Error),
}

/// Every channel of one kernel, connected.
pub(crate) struct Channels {
    pub iopub: ClientIoPubConnection,
    pub shell: (DealerSendConnection, DealerRecvConnection),
    pub stdin: (DealerSendConnection, DealerRecvConnection),
    pub control: (DealerSendConnection, DealerRecvConnection),
}

impl Channels {
    /// Connects; iopub first, so that nothing a request causes is missed.
    pub(crate) async fn connect(info: &ConnectionInfo) -> Result<Self, ChannelError> {
        let session = uuid::Uuid::new_v4().to_string();
        let identity = peer_identity_for_session(&session)?;
        let iopub = create_client_iopub_connection(info, "", &session).await?;
        let shell =
            create_client_shell_connection_with_identity(info, &session, identity.clone()).await?;
        let stdin = create_client_stdin_connection_with_identity(info, &session, identity).await?;
        let control = create_client_control_connection(info, &session).await?;
        Ok(Self {
            iopub,
            shell: shell.split(),
            stdin: stdin.split(),
            control: control.split(),
        })
    }
}

/// Reads one message as it came: header, parent header, metadata, content, buffers. The signature
/// is checked.
pub(crate) async fn read_raw<S: SocketRecv>(
    connection: &mut Connection<S>,
) -> Result<Vec<Bytes>, ChannelError> {
    let multipart = connection.socket.recv().await?;
    Ok(RawMessage::from_multipart(multipart, &connection.mac)?.jparts)
}

/// Sends a message with exactly the content it has.
pub(crate) async fn send(
    connection: &mut DealerSendConnection,
    outgoing: Outgoing,
) -> Result<(), ChannelError> {
    let Outgoing {
        msg_type,
        msg_id,
        content,
        metadata,
        parent_header,
        buffers,
        ..
    } = outgoing;
    let mut message = JupyterMessage::new(
        JupyterMessageContent::UnknownMessage(UnknownMessage { msg_type, content }),
        None,
    );
    message.header.msg_id = msg_id;
    "runt".clone_into(&mut message.header.username);
    if metadata.is_object() {
        message.metadata = metadata;
    }
    if parent_header.is_object() {
        message.parent_header = Some(serde_json::from_value(parent_header)?);
    }
    message.buffers = buffers;
    connection.send(message).await?;
    Ok(())
}
