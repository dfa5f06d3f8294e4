//! Login check with a limit on wrong logins.
//!
//! Each wrong login uses up a guess. A client without guesses gets 429 for any login, right or wrong: an answer that
//! depended on the login would be another guess. Guesses come back with time.
//!
//! - Guesses are counted per address (an IPv6 network of 64 bits is one address), and over all addresses together.
//! - A right login uses up no guess. A repeated wrong login uses up no further guess: a program may have an old password.
//! - Browsers with a right login get a cookie, and are counted apart from their address. An attacker at the same address
//!   locks out new clients of that address, but not these browsers. The cookie does not replace the login.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use super::login::{Digest, Login, offered};

/// Name of the cookie of a browser that had the right login.
const COOKIE: &str = "bakeoff_known";

/// Number of clients from which clients with all their guesses are deleted.
const MOST_CLIENTS: usize = 256;

/// Limit of wrong logins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guesses {
    /// Guesses at once; at least 1.
    pub(crate) most: u32,
    /// Time after which one used guess comes back.
    pub(crate) every: Duration,
}

impl Guesses {
    /// Limit of one client.
    pub(crate) const OF_A_CLIENT: Self = Self {
        most: 10,
        every: Duration::from_secs(5),
    };

    /// Limit of all addresses together.
    pub(crate) const OF_ALL: Self = Self {
        most: 100,
        every: Duration::from_millis(500),
    };

    /// Time until a guess is free, if all guesses are free at `whole_at`.
    fn wait(self, whole_at: Instant, now: Instant) -> Duration {
        let used = whole_at.saturating_duration_since(now);
        used.saturating_sub(self.every * (self.most - 1))
    }

    /// Time at which all guesses are free after one more was used.
    fn used(self, whole_at: Instant, now: Instant) -> Instant {
        whole_at.max(now) + self.every
    }
}

/// The login, with the guesses so far.
#[derive(Debug)]
pub(crate) struct Gate {
    login: Login,
    /// Value of the cookie; `None` if the system gives no random bytes. Then no client has the cookie.
    pass: Option<String>,
    of_a_client: Guesses,
    of_all: Guesses,
    tries: Mutex<Tries>,
}

#[derive(Debug)]
struct Tries {
    /// Time at which all guesses of all addresses together are free again.
    whole_at: Instant,
    clients: HashMap<Client, Guesser>,
}

#[derive(Debug)]
struct Guesser {
    whole_at: Instant,
    last: Digest,
}

/// Group of requests that share guesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Client {
    /// Browsers with the cookie.
    Known,
    Address(IpAddr),
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Right,
    Wrong,
    /// Not checked; a guess is free after this time.
    Later(Duration),
}

impl Gate {
    pub(crate) fn new(login: Login, of_a_client: Guesses, of_all: Guesses) -> Self {
        let mut pass = [0; 32];
        let pass = getrandom::fill(&mut pass).map(|()| URL_SAFE_NO_PAD.encode(pass));
        Self {
            login,
            pass: pass.ok(),
            of_a_client,
            of_all,
            tries: Mutex::new(Tries {
                whole_at: Instant::now(),
                clients: HashMap::new(),
            }),
        }
    }

    fn client(&self, request: &Request) -> Client {
        if self.has_pass(request.headers()) {
            return Client::Known;
        }
        let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let address = address.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0.ip());
        Client::Address(network(address))
    }

    fn has_pass(&self, headers: &HeaderMap) -> bool {
        let Some(pass) = &self.pass else { return false };
        let lines = headers.get_all(header::COOKIE).iter();
        let cookies = lines.filter_map(|line| line.to_str().ok());
        let mut cookies = cookies.flat_map(|line| line.split(';'));
        cookies.any(|cookie| {
            let value = cookie.trim().split_once('=');
            let value = value.filter(|(name, _)| *name == COOKIE);
            value.is_some_and(|(_, value)| value.as_bytes().ct_eq(pass.as_bytes()).into())
        })
    }

    fn ask(&self, client: Client, offered: &Digest, now: Instant) -> Verdict {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let tries = &mut *tries;
        let guesser = tries.clients.get(&client);
        if guesser.is_some_and(|guesser| guesser.last == *offered) {
            return Verdict::Wrong;
        }
        let is_known = client == Client::Known;
        let whole_at = guesser.map_or(now, |guesser| guesser.whole_at);
        let mut wait = self.of_a_client.wait(whole_at, now);
        if !is_known {
            wait = wait.max(self.of_all.wait(tries.whole_at, now));
        }
        if !wait.is_zero() {
            return Verdict::Later(wait);
        }
        if self.login.is(offered) {
            return Verdict::Right;
        }
        if !is_known {
            tries.whole_at = self.of_all.used(tries.whole_at, now);
        }
        if tries.clients.len() >= MOST_CLIENTS {
            // The remaining clients have used guesses of all addresses together, so they are few.
            tries.clients.retain(|_, guesser| guesser.whole_at > now);
        }
        let guesser = Guesser {
            whole_at: self.of_a_client.used(whole_at, now),
            last: *offered,
        };
        tries.clients.insert(client, guesser);
        Verdict::Wrong
    }

    fn cookie(&self) -> Option<HeaderValue> {
        let pass = self.pass.as_ref()?;
        let cookie = format!("{COOKIE}={pass}; Path=/; HttpOnly; SameSite=Strict");
        HeaderValue::try_from(cookie).ok()
    }
}

/// The address, or the first 64 bits of an IPv6 address, since one owner usually has that whole network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            Ipv6Addr::from_bits(network).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Refuses requests without the login.
pub(crate) async fn ask_for_login(
    State(gate): State<Option<Arc<Gate>>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(gate) = gate else {
        return next.run(request).await;
    };
    let client = gate.client(&request);
    // The first request of a browser has no login.
    let Some(offered) = offered(request.headers()) else {
        return challenge();
    };
    match gate.ask(client, &offered, Instant::now()) {
        Verdict::Right => {
            let mut response = next.run(request).await;
            if client != Client::Known
                && let Some(cookie) = gate.cookie()
            {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Verdict::Wrong => challenge(),
        Verdict::Later(wait) => later(wait),
    }
}

fn challenge() -> Response {
    let challenge = [(
        header::WWW_AUTHENTICATE,
        "Basic realm=\"Bakeoff\", charset=\"UTF-8\"",
    )];
    let body = "this page requires a login";
    (StatusCode::UNAUTHORIZED, challenge, body).into_response()
}

fn later(wait: Duration) -> Response {
    let seconds = wait.as_nanos().div_ceil(1_000_000_000).to_string();
    let body = "too many wrong logins; try again later";
    let wait = [(header::RETRY_AFTER, seconds)];
    (StatusCode::TOO_MANY_REQUESTS, wait, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: &str = "ada:secret";
    const SECOND: Duration = Duration::from_secs(1);

    fn gate(most: u32, most_of_all: u32) -> Gate {
        let guesses = |most, every| Guesses { most, every };
        let of_all = guesses(most_of_all, SECOND);
        Gate::new(LOGIN.parse().unwrap(), guesses(most, 5 * SECOND), of_all)
    }

    fn digest(login: &str) -> Digest {
        use sha2::{Digest, Sha256};
        Sha256::digest(login).into()
    }

    fn at(address: &str) -> Client {
        Client::Address(network(address.parse().unwrap()))
    }

    #[test]
    fn guesses_of_an_address_end_and_come_back() {
        let (gate, now) = (gate(2, 100), Instant::now());
        let ask = |address, login, now| gate.ask(at(address), &digest(login), now);
        assert_eq!(ask("10.0.0.1", "ada:1", now), Verdict::Wrong);
        assert_eq!(ask("10.0.0.1", "ada:2", now), Verdict::Wrong);
        // The right login too: otherwise the answer would be a guess.
        for login in ["ada:3", LOGIN] {
            let later = Verdict::Later(5 * SECOND);
            assert_eq!(ask("10.0.0.1", login, now), later, "{login}");
        }
        assert_eq!(ask("10.0.0.2", LOGIN, now), Verdict::Right);
        let known = gate.ask(Client::Known, &digest(LOGIN), now);
        assert_eq!(known, Verdict::Right);
        let then = now + 5 * SECOND;
        assert_eq!(ask("10.0.0.1", LOGIN, then), Verdict::Right);
        assert_eq!(ask("10.0.0.1", "ada:3", then), Verdict::Wrong);
        assert_eq!(ask("10.0.0.1", LOGIN, then), Verdict::Later(5 * SECOND));
    }

    #[test]
    fn an_old_password_and_the_right_one_use_up_nothing() {
        let (gate, now) = (gate(2, 100), Instant::now());
        let ask = |login| gate.ask(at("::1"), &digest(login), now);
        for _ in 0..50 {
            assert_eq!(ask("ada:old"), Verdict::Wrong);
            assert_eq!(ask(LOGIN), Verdict::Right);
        }
    }

    #[test]
    fn many_addresses_share_guesses_and_are_forgotten() {
        let (gate, mut now) = (gate(10, 20), Instant::now());
        let mut wrong = 0;
        for number in 0..10_000_u32 {
            let client = Client::Address(Ipv4Addr::from_bits(number).into());
            let verdict = gate.ask(client, &digest(&number.to_string()), now);
            wrong += u32::from(verdict == Verdict::Wrong);
            now += SECOND / 4;
        }
        assert_eq!(wrong, 20 + 10_000 / 4 - 1);
        let clients = gate.tries.lock().unwrap().clients.len();
        assert!(clients <= MOST_CLIENTS, "{clients} clients");
        let known = gate.ask(Client::Known, &digest(LOGIN), now);
        assert_eq!(known, Verdict::Right);
    }

    #[test]
    fn addresses_of_one_owner_are_one() {
        assert_eq!(at("2001:db8::1"), at("2001:db8::2:3"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
        assert_ne!(at("10.0.0.1"), at("10.0.0.2"));
    }
}
