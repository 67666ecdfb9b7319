//! The notebook-cloud edges: HTTP and WebSocket, room actors, sign-in, the embedded page.
