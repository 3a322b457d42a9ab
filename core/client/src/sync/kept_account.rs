//! Handing in the account of the device that this one was before its hardware key was lost.

use super::Run;
use crate::ClientError;
use crate::device::{decode, encode};
use crate::enrol::refusal;
use crate::recover::Kept;
use beatcheck_wire::kept::{KeptAck, KeptChunk, MAX_KEPT_BYTES, MAX_PIECE, VERSION};
use hyper::Method;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Pieces sent in one sync, at most; the next one goes on.
const MAX_PIECES: u64 = MAX_KEPT_BYTES / MAX_PIECE as u64 + 2;

impl Run<'_> {
    /// Sends what is kept. A failure is no fault of the sync: it stays, and the next sync goes on with it.
    pub(super) async fn hand_in_kept(&self) {
        if let Err(e) = self.try_hand_in().await {
            tracing::info!(code = e.code(), "the kept account waits for a better time");
        }
    }

    async fn try_hand_in(&self) -> Result<(), ClientError> {
        let Some(kept) = Kept::find(&self.device.home) else { return Ok(()) };
        let Some(escrow) = &kept.escrow else {
            // Without the sealed key nobody can open it; it stays for who looks after the device.
            return Ok(());
        };
        let mut offset = 0;
        for _ in 0..MAX_PIECES {
            let chunk = KeptChunk {
                version: VERSION,
                former: escrow.device,
                escrow: escrow.sealed.clone(),
                journal: kept.sizes[0],
                wal: kept.sizes[1],
                offset,
                bytes: piece(&kept, offset).map_err(ClientError::io("reading the kept account"))?,
            };
            let answer = self.asking.transport.call(Method::POST, "/v1/kept-account", encode(&chunk)?).await;
            let ack: KeptAck = decode(&answer.map_err(refusal)?)?;
            if ack.have >= kept.bytes() {
                return std::fs::remove_dir_all(&kept.dir).map_err(ClientError::io("removing the kept account"));
            }
            offset = ack.have;
        }
        Ok(())
    }
}

/// The bytes of the two files, one behind the other, from `offset` on, as many as fit.
fn piece(kept: &Kept, offset: u64) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut read = |path: &Path, at: u64, size: u64| -> std::io::Result<()> {
        let room = (MAX_PIECE - out.len()) as u64;
        if at < size && room > 0 {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(at))?;
            file.take(room.min(size - at)).read_to_end(&mut out)?;
        }
        Ok(())
    };
    read(&kept.journal, offset, kept.sizes[0])?;
    read(&kept.wal, offset.saturating_sub(kept.sizes[0]), kept.sizes[1])?;
    Ok(out)
}
