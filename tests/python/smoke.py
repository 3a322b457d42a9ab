#!/usr/bin/env python3
"""Drives the shipped library through its generated Python binding, against a real hub on loopback.

usage: smoke.py BINDINGS_DIR BEATCHECK_COMMAND

BINDINGS_DIR holds beatcheck.py as the generator wrote it, and the library beside it. The hub is the real command; the key
vault is implemented here, in Python, as Kotlin and Swift implement it on a phone (over the desk vault's cryptography).
Exits non-zero at the first thing that is not as it should be. All records are synthetic.
"""
import json, os, pathlib, shutil, subprocess, sys, tempfile

bindings, command = sys.argv[1], os.path.abspath(sys.argv[2])
sys.path.insert(0, bindings)
import beatcheck as bc  # noqa: E402  (its import checks the API checksums of the library)

root = pathlib.Path(__file__).resolve().parents[2]
work = pathlib.Path(tempfile.mkdtemp(prefix="beatcheck-python-"))
hub, home = work / "hub", work / "device"
passed = 0


def check(what, fine):
    global passed
    if not fine:
        sys.exit(f"FAILED: {what}")
    passed += 1
    print(f"ok: {what}")


def run(*args):
    done = subprocess.run([command, *map(str, args), "--json"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"FAILED: {' '.join(map(str, args[:2]))}: {done.stderr or done.stdout}")
    return json.loads(done.stdout or "{}")


class PythonVault(bc.KeyVault):
    """A foreign vault: counts its calls, and can be told to fail."""

    def __init__(self, inner):
        self.inner, self.calls, self.broken = inner, 0, False

    def _do(self, name, *args):
        self.calls += 1
        if self.broken:
            raise RuntimeError("a secret text that must not come out")
        return getattr(self.inner, name)(*args)

    def kind(self):
        return "desk"

    def create(self, label, key_use):
        return self._do("create", label, key_use)

    def public_key(self, label):
        return self._do("public_key", label)

    def sign(self, label, message):
        return self._do("sign", label, message)

    def wrap(self, label, plain):
        return self._do("wrap", label, plain)

    def unwrap(self, label, wrapped):
        return self._do("unwrap", label, wrapped)

    def mix(self, label, input):
        return self._do("mix", label, input)

    def counter(self, label):
        return self._do("counter", label)

    def attest(self, label, nonce):
        return self._do("attest", label, nonce)

    def destroy(self, label):
        return self._do("destroy", label)


server = None
try:
    run("hub", "init", "--data", hub)
    small, mappings = root / "fixtures/small", root / "fixtures/mappings"
    stolen = mappings / "nz-police-stolen-vehicles.toml"
    run("hub", "ingest", "--data", hub, "--mapping", stolen, "--as-of", "now", small / "hot-list-a.csv")
    run("hub", "publish", "--data", hub)
    server = subprocess.Popen(
        [command, "hub", "serve", "--data", hub, "--listen", "127.0.0.1:0", "--json"], stdout=subprocess.PIPE, text=True
    )
    address = json.loads(server.stdout.readline())["listening"]
    code = run("hub", "enrol", "--data", hub, "--officer", "officer-1", "--role", "patrol")["code"]

    vault = PythonVault(bc.desk_vault(str(work / "vault")))
    options = bc.EnrolOptions(
        home=str(home), hub=address, code=code, ca_pem=(hub / "ca.pem").read_text(), pin=None, app_version="smoke"
    )
    device = bc.Device.enrol(options, vault)
    check("a device enrols with a vault written in Python", vault.calls > 0)
    try:
        bc.Device.enrol(options, vault)
        check("a second enrolment is refused", False)
    except bc.ApiError.Invalid as e:
        check("a second enrolment is refused, with its code", e.code == "already_enrolled")

    answer = device.check_vehicle(bc.VehicleQuery(vrm="AB12CDE"), bc.Why(purpose="traffic_stop"))
    check("before the first sync it cannot say", answer.outcome == bc.Outcome.CANNOT_SAY and answer.error is not None)

    report = device.sync()
    check("the sync is complete", report.complete and report.compartments[0].inserted > 200)
    events = []
    while (event := device.next_event()) is not None:
        events.append(event)
    check("its events can be pulled", any(e.is_USABLE() for e in events))

    rows = [line.split(",") for line in (small / "hot-list-a.csv").read_text().splitlines()[1:]]
    plate = next(r[0] for r in rows if r[0].isalnum() and r[0] != "NA")
    answer = device.check_vehicle(bc.VehicleQuery(vrm=plate.lower()), bc.Why(purpose="traffic_stop"))
    check("a stolen car is a hit", answer.outcome == bc.Outcome.HIT and answer.hits[0].vrm == plate.upper())
    check("it says what to do first, and its source", answer.confirm and answer.hits[0].source and answer.hits[0].as_of)
    check("it is on record", answer.audit_seq > 0 and answer.reference in answer.text)
    answer = device.check_vehicle(bc.VehicleQuery(vrm="ZZ99ZZZ"), bc.Why(purpose="traffic_stop"))
    check("another is no trace, never clear", answer.outcome == bc.Outcome.NO_TRACE and "not 'clear'" in answer.text)
    answer = device.check_person(bc.PersonQuery(surname="Nobody", dob="1984-02-30"), bc.Why(purpose="stop_search"))
    check("persons were not loaded, and it says so", answer.outcome == bc.Outcome.CANNOT_SAY)
    answer = device.check_vehicle(bc.VehicleQuery(vrm=plate), bc.Why(purpose="curiosity"))
    check("a wrong purpose is refused", answer.error is not None and answer.error.code == "purpose_not_allowed")

    status = device.status()
    check("the status names what is held", status.compartments[0].records == report.compartments[0].rows)
    device.sync()
    journal = run("hub", "journal", "--data", hub, "--verify")
    check("the account is at the hub, unbroken", journal["devices"][0]["unbroken"] and journal["devices"][0]["entries"] >= 6)

    del device
    vault.broken = True
    try:
        bc.Device.open(str(home), vault, None)
        check("a broken vault opens nothing", False)
    except bc.ApiError as e:
        check("a broken vault opens nothing, and its text stays inside", "secret" not in str(e))
    vault.broken = False
    device = bc.Device.open(str(home), vault, None)
    check("it opens again", device.check_vehicle(bc.VehicleQuery(vrm=plate), bc.Why(purpose="warrant")).outcome == bc.Outcome.HIT)
    check("a wipe keeps what is not sent", device.wipe().journal_pending >= 2)
    try:
        device.check_vehicle(bc.VehicleQuery(vrm=plate), bc.Why(purpose="warrant"))
        check("a wiped device answers nothing", False)
    except bc.ApiError.NotEnrolled:
        check("a wiped device answers nothing", True)
    check("its last words reach the hub", bc.send_last_words(str(home), vault) >= 2)
    print(f"{passed} passed, 0 failed")
finally:
    if server:
        server.kill()
        server.wait()
    shutil.rmtree(work, ignore_errors=True)
