//! One phone of the crowd: its connection, and what it holds.

use crate::bench::phones::{Link, Phone, Trust, broken};
use crate::exit::Failure;
use beatcheck_wire::catch_up::{CatchUpAnswer, CatchUpRequest, HeldAt, VERSION};
use beatcheck_wire::envelope::{self, DocKind};
use beatcheck_wire::{Hash32, Head, Manifest};
use hyper::{Method, StatusCode};
use std::time::Duration;

/// Times that a hub without room is asked again.
const TRIES: u32 = 60;
const AGAIN: Duration = Duration::from_millis(500);
const MAX_BYTES: u32 = 100_000;

pub(super) struct Caller {
    phone: Phone,
    trust: Trust,
    port: u16,
    link: Option<Link>,
    holds: CatchUpRequest,
}

impl Caller {
    pub(super) fn new(phone: Phone, trust: Trust, port: u16) -> Self {
        let holds = CatchUpRequest {
            version: VERSION,
            root_version: phone.root.root_version,
            max_bytes: MAX_BYTES,
            ..CatchUpRequest::default()
        };
        Self { phone, trust, port, link: None, holds }
    }

    pub(super) async fn connect(&mut self) -> Result<(), Failure> {
        let identity = (self.phone.chain.clone(), &self.phone.key);
        self.link = Some(self.trust.connect_as_phone(self.port, identity).await?);
        Ok(())
    }

    /// Asks without waiting, again while the hub has no room; how often it had none.
    pub(super) async fn ask_until_heard(&mut self) -> Result<u32, Failure> {
        for busy in 0..TRIES {
            if self.ask(0).await?.is_some() {
                return Ok(busy);
            }
            tokio::time::sleep(AGAIN).await;
        }
        Err(broken("the hub had no room for half a minute"))
    }

    /// Asks, and lets the hub wait; whether it then had something new.
    pub(super) async fn wait(&mut self, hold_s: u16) -> Result<bool, Failure> {
        Ok(self.ask(hold_s).await?.unwrap_or(false))
    }

    /// Whether there was something new; nothing if the hub had no room.
    async fn ask(&mut self, hold_s: u16) -> Result<Option<bool>, Failure> {
        let body = postcard::to_stdvec(&CatchUpRequest { hold_s, ..self.holds.clone() }).map_err(broken)?;
        let link = self.link.as_mut().ok_or_else(|| broken("it is not connected"))?;
        let answer = link.send(Method::POST, "/v1/sync", &[], body).await?;
        if matches!(answer.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            return Ok(None);
        }
        crate::bench::phones::expect(answer.status, "asking", &answer.body)?;
        let answer: CatchUpAnswer = postcard::from_bytes(&answer.body).map_err(broken)?;
        let news = answer.head.is_some();
        self.take(&answer)?;
        Ok(Some(news))
    }

    /// Holds from here on what the answer named. (Signatures are looked at; rows are not: there is no store.)
    fn take(&mut self, answer: &CatchUpAnswer) -> Result<(), Failure> {
        self.holds.grant_version = answer.grant_version;
        let Some(head) = &answer.head else { return Ok(()) };
        let keys = [self.phone.root.publish_key];
        let opened: Head = envelope::open(DocKind::Head, head, &keys).map_err(broken)?;
        self.holds.head = Hash32::of(head);
        self.holds.set = opened.set_hash;
        for document in &answer.documents {
            let Ok(m) = envelope::open::<Manifest>(DocKind::Manifest, document, &keys) else { continue };
            self.holds.held.retain(|h| h.compartment != m.compartment);
            let manifest = Hash32::of(document);
            self.holds.held.push(HeldAt { compartment: m.compartment, manifest, watermark: m.watermark });
        }
        Ok(())
    }
}
