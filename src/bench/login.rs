//! Logging in: by `set` where a server has a file of users (`-Y`), by SASL PLAIN (`-S`).

use std::fs;
use std::path::Path;

use crate::connection::Stream;
use memcached::wire::client::{ClientProtocol, Front, Piece, sasl_plain};

/// A name and a password.
#[derive(Clone)]
pub struct Login {
    name: String,
    password: String,
}

impl Login {
    /// From the first line of a file, `name:password`, as in the file of users of a server.
    pub fn read(path: &Path) -> Result<Login, String> {
        let complain = |what: String| format!("{}: {what}", path.display());
        let text = fs::read_to_string(path).map_err(|e| complain(e.to_string()))?;
        let line = text.lines().next().unwrap_or_default();
        let (name, password) = line
            .split_once(':')
            .ok_or_else(|| complain("the first line is not name:password".to_string()))?;
        Ok(Login {
            name: name.to_string(),
            password: password.to_string(),
        })
    }

    /// Logs in on a stream that nothing has been said on. The error is what the server says.
    pub fn perform(&self, stream: &Stream, protocol: ClientProtocol) -> Result<(), String> {
        let (request, protocol) = match protocol {
            ClientProtocol::Binary => (sasl_plain(&self.name, &self.password), protocol),
            ClientProtocol::Text | ClientProtocol::Meta => {
                let secret = format!("{} {}", self.name, self.password);
                let request = format!("set login 0 0 {}\r\n{secret}\r\n", secret.len());
                (request.into_bytes(), ClientProtocol::Text)
            }
        };
        let is_whole = |reply: &[u8]| !matches!(protocol.front(reply), Front::Part(_));
        let reply = stream.ask(&request, is_whole).map_err(|e| e.to_string())?;
        match protocol.front(&reply) {
            Front::Piece(Piece::Stored, _) => Ok(()),
            Front::Piece(Piece::Refused(reply), _) | Front::Garbage(reply) => Err(reply),
            Front::Piece(..) | Front::Part(_) => Err("not the reply to a login".to_string()),
        }
    }
}
