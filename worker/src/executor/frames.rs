//! Messages on pipes: four bytes of length, least significant first, then the message.

use std::io::{self, Read};

use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest message: an assignment with thousands of lanes is far below.
const LONGEST: usize = 64 << 20;

/// Returns the bytes of a message.
pub(super) fn encode(message: &impl Message) -> Vec<u8> {
    let body = message.encode_to_vec();
    let mut frame = Vec::with_capacity(body.len() + 4);
    frame.extend_from_slice(&(body.len() as u32).to_le_bytes());
    frame.extend_from_slice(&body);
    frame
}

/// Reads a message; `None` at the end.
pub(super) fn read<M: Message + Default>(reader: &mut impl Read) -> io::Result<Option<M>> {
    let mut head = [0; 4];
    match reader.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        head_read => head_read?,
    }
    let mut body = vec![0; length(head)?];
    reader.read_exact(&mut body)?;
    decode(&body).map(Some)
}

/// Reads a message; `None` at the end. Not to be given up half-way.
pub(super) async fn read_async<M: Message + Default>(
    reader: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<M>> {
    let mut head = [0; 4];
    match reader.read_exact(&mut head).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        head_read => head_read?,
    };
    let mut body = vec![0; length(head)?];
    reader.read_exact(&mut body).await?;
    decode(&body).map(Some)
}

fn length(head: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(head) as usize;
    if length <= LONGEST {
        return Ok(length);
    }
    let message = format!("a message of {length} bytes on the pipe of a task");
    Err(io::Error::new(io::ErrorKind::InvalidData, message))
}

fn decode<M: Message + Default>(body: &[u8]) -> io::Result<M> {
    M::decode(body).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use proto::worker::v1 as wire;

    use super::*;

    fn progress(reads: u64) -> wire::Progress {
        wire::Progress {
            attempt: None,
            reads,
            bases: 1,
        }
    }

    #[tokio::test]
    async fn messages_survive_a_pipe() {
        let bytes: Vec<u8> = [1, 2].iter().flat_map(|&n| encode(&progress(n))).collect();
        let mut blocking = &bytes[..];
        let mut waiting = &bytes[..];
        for expected in [Some(progress(1)), Some(progress(2)), None] {
            assert_eq!(read::<wire::Progress>(&mut blocking).unwrap(), expected);
            let found: Option<wire::Progress> = read_async(&mut waiting).await.unwrap();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn nonsense_on_the_pipe_is_an_error() {
        let mut text = &b"thread panicked"[..];
        assert!(read::<wire::Progress>(&mut text).is_err());
        let whole = encode(&progress(300));
        assert!(read::<wire::Progress>(&mut &whole[..whole.len() - 1]).is_err());
    }
}
