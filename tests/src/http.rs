//! The simplest HTTP client: one request, one answer, no runtime. For the world's first process and the command line.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result};

/// How long a connection, a write or a read may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks `http://HOST:PORT/PATH` and returns the status code and the body.
pub fn request(method: &str, url: &str) -> Result<(u16, String)> {
    let rest = url.strip_prefix("http://").with_context(|| format!("`{url}` is not an http:// address"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = authority.to_socket_addrs().with_context(|| format!("resolve `{authority}`"))?.next();
    let address = address.with_context(|| format!("`{authority}` has no address"))?;
    let mut stream =
        TcpStream::connect_timeout(&address, PATIENCE).with_context(|| format!("connect to {authority}"))?;
    stream.set_read_timeout(Some(PATIENCE)).context("set a read timeout")?;
    stream.set_write_timeout(Some(PATIENCE)).context("set a write timeout")?;
    // HTTP/1.0: the answer is not chunked, and ends with the connection.
    let head = format!("{method} /{path} HTTP/1.0\r\nHost: {authority}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(head.as_bytes()).with_context(|| format!("ask {url}"))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(|| format!("read the answer of {url}"))?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("{url} did not answer in HTTP"))?;
    let code = head.split_whitespace().nth(1).and_then(|code| code.parse().ok());
    Ok((code.with_context(|| format!("{url} answered without a status code"))?, body.to_owned()))
}

/// A text as it may stand in a query string.
pub fn encode(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_promql_is_made_of_survives_a_query_string() {
        assert_eq!(encode("a{b=\"c d\"}[2s] + 1"), "a%7Bb%3D%22c%20d%22%7D%5B2s%5D%20%2B%201");
    }
}
