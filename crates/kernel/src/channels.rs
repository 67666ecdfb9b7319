//! The ZMQ side: connecting the channels, reading raw messages, sending ours.
//!
//! Reads never notice a dead kernel and connecting never fails by itself, so every use here is
//! raced with the process's exit by the caller.

use bytes::Bytes;
use jupyter_protocol::{ConnectionInfo, JupyterMessage, JupyterMessageContent, UnknownMessage};
use jupyter_zmq_client::{
    ClientIoPubConnection, Connection, DealerRecvConnection, DealerSendConnection, RuntimeError,
    create_client_control_connection, create_client_iopub_connection,
    create_client_shell_connection_with_identity, create_client_stdin_connection_with_identity,
    peer_identity_for_session,
};
use ring::hmac;
use subtle::ConstantTimeEq as _;
use zeromq::SocketRecv;

use crate::protocol::Outgoing;

/// What stands between a message's identities and its signature.
const DELIMITER: &[u8] = b"<IDS|MSG>";
/// Header, parent header, metadata and content are signed; buffers are not.
const SIGNED_PARTS: usize = 4;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Why a channel cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error("the kernel's channel failed: {0}")]
    Client(#[from] jupyter_zmq_client::RuntimeError),
    #[error("the kernel's channel failed: {0}")]
    Zmq(#[from] zeromq::ZmqError),
    #[error("a message of the kernel bears a wrong signature")]
    Signature,
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
    let mut parts = connection.socket.recv().await?.into_vec();
    let delimiter = parts.iter().position(|part| &part[..] == DELIMITER);
    let delimiter = delimiter.ok_or(RuntimeError::MissingDelimiter)?;
    if parts.len() == delimiter + 1 {
        return Err(RuntimeError::MissingHmac.into());
    }
    let signed = parts.split_off(delimiter + 2);
    if signed.len() < SIGNED_PARTS {
        return Err(RuntimeError::InsufficientMessageParts(signed.len()).into());
    }
    let signature = parts.pop().unwrap_or_default();
    if let Some(key) = &connection.mac {
        verify(key, &signed[..SIGNED_PARTS], &signature)?;
    }
    Ok(signed)
}

/// Checks a signature part by part: a message may be too large to be copied into one piece for it.
fn verify(key: &hmac::Key, parts: &[Bytes], signature: &[u8]) -> Result<(), ChannelError> {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    let mut expected = [0; 64];
    for (digits, byte) in expected.chunks_exact_mut(2).zip(context.sign().as_ref()) {
        digits[0] = HEX[usize::from(byte >> 4)];
        digits[1] = HEX[usize::from(byte & 15)];
    }
    if bool::from(expected.ct_eq(signature)) {
        Ok(())
    } else {
        Err(ChannelError::Signature)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_each_part_and_their_order() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        let parts: Vec<Bytes> = ["{\"a\":1}", "{}", "", "[2]"].map(Bytes::from).into();
        // As `hmac.new(b"secret", b'{"a":1}{}[2]', "sha256").hexdigest()` of Python gives it.
        let signature = b"f5cf11ba0a901cb5e6282c8986a1b68e1549cf6b2fa6bf4399ff70916eb53f09";
        assert!(verify(&key, &parts, signature).is_ok());
        let other = hmac::Key::new(hmac::HMAC_SHA256, b"other");
        assert!(verify(&other, &parts, signature).is_err());
        assert!(verify(&key, &parts[..3], signature).is_err());
        assert!(verify(&key, &parts, &signature[1..]).is_err());
        assert!(verify(&key, &parts, b"").is_err());
        let turned: Vec<Bytes> = parts.iter().rev().cloned().collect();
        assert!(verify(&key, &turned, signature).is_err());
    }
}
