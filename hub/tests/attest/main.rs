//! Attestations of the test's own making: one that is right for each kind of phone, and every way of failing.
#![allow(clippy::unwrap_used)]

mod making;
#[path = "../serve_common/mod.rs"]
mod serve_common;

use beatcheck_hub::AttestationSetting;
use making::{APP, Attested, Authority, PACKAGE, Phone, SIGNER, joined, key, params, serial_of};
use rcgen::Issuer;
use serve_common::{Answer, Fixture, Wanting};

fn setting(authority: &Authority) -> AttestationSetting {
    AttestationSetting {
        android_roots_pem: Some(authority.root_pem.clone()),
        android_package: Some(PACKAGE.into()),
        android_signer: Some(SIGNER.iter().map(|b| format!("{b:02X}")).collect()),
        apple_roots_pem: Some(authority.root_pem.clone()),
        apple_app: Some(APP.into()),
        ..AttestationSetting::default()
    }
}

fn wanting(fx: &Fixture, vault: &str) -> Wanting {
    let mut wanting = Wanting::new(&fx.hub.enrol_code("1234", "patrol").unwrap().code);
    wanting.request.vault = vault.into();
    wanting
}

async fn enrol(fx: &Fixture, wanting: &mut Wanting, attestation: Vec<u8>) -> Answer {
    wanting.request.attestation = attestation;
    fx.stranger().post("/v1/enrol", wanting.bytes()).await
}

fn why(answer: &Answer, what: &str) -> String {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "bad_attestation"), "{what}");
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    json["text"].as_str().unwrap().replace("the phone's attestation is refused: ", "")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_vault_shows_that_it_has_the_key_and_only_where_policy_lets_it_in() {
    let fx = Fixture::start().await;
    let mut desk = wanting(&fx, "desk");
    let good = desk.request.attestation.clone();
    let of_another = serve_common::desk_attestation(&key(), &desk.request.secret);
    for bad in [vec![], of_another, serve_common::desk_attestation(&desk.key, &[1; 16])] {
        let said = why(&enrol(&fx, &mut desk, bad).await, "desk");
        assert_eq!(said, "the desk vault's signature does not verify");
    }
    let policy = |allow: bool| {
        format!("[roles.patrol]\ncompartments=['*']\npurposes=['warrant']\n[limits]\nallow_desk_vault={allow}\n")
    };
    fx.hub.policy_set(&policy(false)).unwrap();
    enrol(&fx, &mut desk, good.clone()).await.refused(403, "vault_not_allowed");
    fx.hub.policy_set(&policy(true)).unwrap();
    assert_eq!(enrol(&fx, &mut desk, good).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_are_refused_until_their_roots_are_set_or_the_operator_lets_them_in_on_their_word() {
    let fx = Fixture::start().await;
    for vault in ["android-keystore", "secure-enclave", "other"] {
        enrol(&fx, &mut wanting(&fx, vault), vec![]).await.refused(403, "vault_not_allowed");
    }
    let unverified = AttestationSetting { unverified: true, ..AttestationSetting::default() };
    assert!(unverified.android_word().contains("UNVERIFIED") && unverified.apple_word().contains("UNVERIFIED"));
    fx.hub.attestation_set(&unverified).unwrap();
    assert_eq!(enrol(&fx, &mut wanting(&fx, "android-keystore"), vec![]).await.status, 200);
    enrol(&fx, &mut wanting(&fx, "other"), vec![]).await.refused(403, "vault_not_allowed");

    let authority = Authority::new(&fx, true);
    fx.hub.attestation_set(&AttestationSetting { unverified: true, ..setting(&authority) }).unwrap();
    why(&enrol(&fx, &mut wanting(&fx, "android-keystore"), vec![]).await, "with roots, a word is not enough");
    assert_eq!(fx.hub.attestation().unwrap().android_package.as_deref(), Some(PACKAGE));

    let refused = |s: AttestationSetting| fx.hub.attestation_set(&s).unwrap_err().to_string();
    assert!(refused(AttestationSetting { android_signer: None, ..setting(&authority) }).contains("any app"));
    assert!(refused(AttestationSetting { apple_app: None, ..setting(&authority) }).contains("any app"));
    assert!(refused(AttestationSetting { android_level: "software".into(), ..setting(&authority) }).contains("tee"));
    assert!(refused(AttestationSetting { android_patch: Some(202_613), ..setting(&authority) }).contains("YYYYMM"));
    assert!(
        refused(AttestationSetting { android_roots_pem: Some("x".into()), ..setting(&authority) }).contains("root")
    );
    let pem = Authority::new(&fx, true).middle_pem;
    assert!(refused(AttestationSetting { apple_roots_pem: Some(pem), ..setting(&authority) }).contains("itself"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_android_phone_shows_where_its_key_lives() {
    let fx = Fixture::start().await;
    let authority = Authority::new(&fx, true);
    fx.hub.attestation_set(&setting(&authority)).unwrap();
    let mut w = wanting(&fx, "android-keystore");
    let phone = Phone::of(&w);
    let chain = authority.android(&fx, &w.key, &phone);

    type Change = fn(&mut Phone);
    let bad: [(&str, Change, &str); 14] = [
        ("challenge", |p| p.challenge[0] ^= 1, "enrolment code"),
        ("software", |p| p.levels = [0, 0], "as secure"),
        ("hardware attests to a software key", |p| p.levels = [1, 0], "as secure"),
        ("no such level", |p| p.levels = [3, 3], "as secure"),
        ("imported", |p| p.origin = 2, "not made in"),
        ("attests others", |p| p.purposes = vec![7], "something else"),
        ("signs and decrypts", |p| p.purposes = vec![2, 1], "something else"),
        ("unlocked", |p| p.locked = false, "unlocked"),
        ("another system", |p| p.boot = 1, "maker's"),
        ("unverified boot", |p| p.boot = 2, "maker's"),
        ("no word of the boot", |p| p.root_of_trust = false, "vouch"),
        ("another app", |p| p.package.push('x'), "another app"),
        ("another signer", |p| p.signer[0] ^= 1, "another app"),
        ("no challenge", |p| p.challenge.clear(), "enrolment code"),
    ];
    for (what, change, says) in bad {
        let mut changed = phone.clone();
        change(&mut changed);
        let changed = joined(&authority.android(&fx, &w.key, &changed));
        let said = why(&enrol(&fx, &mut w, changed).await, what);
        assert!(said.contains(says), "{what}: {said}");
    }

    let other = Authority::new(&fx, true);
    let no_authority = Authority::new(&fx, false);
    let ended = Authority { days: (-5, -1), ..Authority::new(&fx, true) };
    let to_come = Authority { days: (1, 9), ..Authority::new(&fx, true) };
    let mut cut = joined(&chain);
    cut.pop();
    let mut damaged = chain.clone();
    let at = damaged[0].len() - 20;
    damaged[0][at] ^= 1;
    // A key that the hardware attests to signs a description of another that lives nowhere.
    let honest = key();
    let honest_leaf = authority.android(&fx, &honest, &phone).remove(0);
    let forger = Authority {
        issuer: Issuer::new(params(&fx, "Android Keystore Key", (-1, 1)), honest),
        ..Authority::new(&fx, true)
    };
    let forged = vec![forger.android(&fx, &w.key, &phone).remove(0), honest_leaf, chain[1].clone(), chain[2].clone()];
    let chains = [
        ("nothing", vec![], "none"),
        ("cut off", cut, "cut off"),
        ("no certificate", joined(&[b"certificate".to_vec()]), "does not read"),
        ("too many", joined(&vec![chain[1].clone(); 9]), "too many"),
        ("another root", joined(&other.android(&fx, &w.key, &phone)), "root"),
        ("another root, not shown", joined(&other.android(&fx, &w.key, &phone)[..2]), "root"),
        ("swapped", joined(&[chain[0].clone(), other.middle.clone(), other.root.clone()]), "by the next"),
        ("altered", joined(&damaged), "by the next"),
        ("another key", joined(&authority.android(&fx, &key(), &phone)), "another key"),
        (
            "no description",
            joined(&[authority.leaf(&fx, &w.key, &[1, 2, 3, 4], vec![5, 0]), chain[1].clone()]),
            "describe",
        ),
        ("signed by what it attests to", joined(&forged), "no authority"),
    ];
    for (what, attestation, says) in chains {
        let said = why(&enrol(&fx, &mut w, attestation).await, what);
        assert!(said.contains(says), "{what}: {said}");
    }
    for (what, authority, says) in
        [("no authority", no_authority, "no authority"), ("ended", ended, "ended"), ("to come", to_come, "to come")]
    {
        fx.hub.attestation_set(&setting(&authority)).unwrap();
        let attestation = joined(&authority.android(&fx, &w.key, &phone));
        let said = why(&enrol(&fx, &mut w, attestation).await, what);
        assert!(said.contains(says), "{what}: {said}");
    }

    // What the operator asks for beyond that.
    let good = joined(&chain);
    let strongbox = AttestationSetting { android_level: "strongbox".into(), ..setting(&authority) };
    let patched = AttestationSetting { android_patch: Some(202_611), ..setting(&authority) };
    let serial = serial_of(&chain[1]);
    let list = format!(r#"{{"entries": {{"{serial}": {{"status": "REVOKED"}}}}}}"#);
    let revoked = AttestationSetting { android_revoked_json: Some(list), ..setting(&authority) };
    for (what, asked, says) in
        [("strongbox", strongbox, "as secure"), ("patched", patched, "updates"), ("revoked", revoked, "revoked")]
    {
        fx.hub.attestation_set(&asked).unwrap();
        let said = why(&enrol(&fx, &mut w, good.clone()).await, what);
        assert!(said.contains(says), "{what}: {said}");
    }
    fx.hub.attestation_set(&setting(&authority)).unwrap();
    assert_eq!(enrol(&fx, &mut w, good).await.status, 200);

    let mut strong = wanting(&fx, "android-keystore");
    let phone = Phone { levels: [2, 2], patch: 20_261_105, purposes: vec![2, 3], ..Phone::of(&strong) };
    fx.hub
        .attestation_set(&AttestationSetting {
            android_level: "strongbox".into(),
            android_patch: Some(202_611),
            ..setting(&authority)
        })
        .unwrap();
    // Without the root, which the hub has.
    let chain = joined(&authority.android(&fx, &strong.key, &phone)[..2]);
    assert_eq!(enrol(&fx, &mut strong, chain).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_apple_vouches_for_says_that_the_key_is_its() {
    let fx = Fixture::start().await;
    let authority = Authority::new(&fx, true);
    fx.hub.attestation_set(&setting(&authority)).unwrap();
    let mut w = wanting(&fx, "secure-enclave");
    let good = Attested::of(&w);
    type Change = fn(&mut Attested);
    let bad: [(&str, Change, &str); 7] = [
        ("another app", |a| a.app.push('x'), "another app"),
        ("used before", |a| a.counter = 1, "used before"),
        ("development", |a| a.environment = *b"appattestdevelop", "environment"),
        ("another code", |a| a.client[0] ^= 1, "code and key"),
        ("another key", |a| a.client[40] ^= 1, "code and key"),
        ("another format", |a| a.format = "packed", "App Attest"),
        ("another credential", |a| a.other_credential = true, "differ"),
    ];
    for (what, change, says) in bad {
        let mut changed = good.clone();
        change(&mut changed);
        let said = why(&enrol(&fx, &mut w, changed.object(&fx, &authority)).await, what);
        assert!(said.contains(says), "{what}: {said}");
    }
    let other = Authority::new(&fx, true);
    let said = why(&enrol(&fx, &mut w, good.object(&fx, &other)).await, "another root");
    assert!(said.contains("root"), "{said}");
    for (what, bytes) in [("nothing", vec![]), ("no CBOR", vec![0xff; 40]), ("deep", vec![0x81; 60_000])] {
        let said = why(&enrol(&fx, &mut w, bytes).await, what);
        assert!(said.contains("does not read"), "{what}: {said}");
    }
    let object = good.object(&fx, &authority);
    for cut in (0..object.len()).step_by(37) {
        why(&enrol(&fx, &mut w, object[..cut].to_vec()).await, "cut off");
    }
    assert_eq!(enrol(&fx, &mut w, object).await.status, 200);

    let mut w = wanting(&fx, "secure-enclave");
    fx.hub.attestation_set(&AttestationSetting { apple_development: true, ..setting(&authority) }).unwrap();
    let in_development = Attested { environment: *b"appattestdevelop", ..Attested::of(&w) };
    let object = in_development.object(&fx, &authority);
    assert_eq!(enrol(&fx, &mut w, object).await.status, 200);
}
