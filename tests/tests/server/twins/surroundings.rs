//! What stands around the WebSocket: users, TLS, files, routes.

use std::{fs, net::SocketAddr, time::Duration};

use axum::{Router, routing::get};
use mirrorball_client::{ConnectionError, Credentials, Fingerprint, Tls, juggler::Client};
use mirrorball_protocol::juggler::client::ClientOptions;
use mirrorball_server::{
    Juggler, Server, ServerOptions, State, auth::with_password, server::Builder,
};

use super::{client, soon};
use crate::http::get as fetch;

async fn serve(builder: Builder) -> (SocketAddr, Server) {
    let juggler = Juggler::builder(State::new("there")).build();
    let server = builder
        .juggler(juggler)
        .bind("127.0.0.1:0")
        .await
        .unwrap()
        .serve();
    (server.addresses()[0], server)
}

/// The state that a client gets.
async fn mirrored(builder: mirrorball_client::juggler::Builder) -> Result<String, ConnectionError> {
    let client = soon("an end", builder.connect()).await?;
    let state = client.state_as().unwrap();
    client.close().await;
    Ok(state)
}

#[tokio::test]
async fn a_user_and_a_password_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (users, www) = (folder.path().join("htpasswd"), folder.path().join("www"));
    fs::write(&users, with_password("", "ann", b"p\xc3\xa9: ss").unwrap()).unwrap();
    fs::create_dir(&www).unwrap();
    fs::write(www.join("index.html"), "index").unwrap();
    let (address, _server) = serve(Server::builder().htpasswd_file(users).static_dir(www)).await;
    let credentials = |user, password| Credentials::new(user, password).unwrap();
    let right = client(address).auth(credentials("ann", "pé: ss"));
    assert_eq!(mirrored(right).await.unwrap(), "there");
    let wrong = [("ann", "pe: ss"), ("ann", ""), ("bob", "pé: ss")];
    let wrong = wrong.map(|(user, password)| client(address).auth(credentials(user, password)));
    for builder in wrong.into_iter().chain([client(address)]) {
        let refused = mirrored(builder).await;
        assert!(
            matches!(refused, Err(ConnectionError::Unauthorized)),
            "{refused:?}"
        );
    }
    let page = fetch(address, "/index.html", "").await;
    assert_eq!(page.status, 401, "files are asked for by users, too");
    assert!(page.header("www-authenticate").starts_with("basic realm="));
}

#[tokio::test]
async fn connections_are_encrypted() {
    let tls = mirrorball_server::Tls::self_signed(["localhost"]).unwrap();
    let fingerprint: Fingerprint = tls.fingerprint().unwrap().parse().unwrap();
    let (address, _server) = serve(Server::builder().tls(tls)).await;
    let secure = || Client::builder(format!("wss://localhost:{}/ws", address.port()));
    let trusting = secure().tls(Tls::default().fingerprint(fingerprint));
    assert_eq!(mirrored(trusting).await.unwrap(), "there");
    let doubting = mirrored(secure()).await;
    assert!(
        matches!(doubting, Err(ConnectionError::Tls(_))),
        "{doubting:?}"
    );
    let plain = mirrored(client(address)).await;
    assert!(plain.is_err(), "{plain:?}");
}

#[tokio::test]
async fn files_and_routes_are_served_beside_the_state() {
    let www = tempfile::tempdir().unwrap();
    fs::write(www.path().join("index.html"), "index").unwrap();
    fs::create_dir(www.path().join("deep")).unwrap();
    fs::write(www.path().join("deep/file.js"), "file").unwrap();
    let routes = || Router::new().route("/route", get(|| async { "route" }));
    let house = || {
        Server::builder()
            .static_dir(www.path())
            .additional_routes(routes())
    };
    let (address, _server) = serve(house()).await;
    assert_eq!(mirrored(client(address)).await.unwrap(), "there");
    let root = fetch(address, "/", "").await;
    assert_eq!((root.status, root.header("location")), (302, "/index.html"));
    for (path, body) in [
        ("/index.html", "index"),
        ("/deep/file.js", "file"),
        ("/route", "route"),
    ] {
        let page = fetch(address, path, "").await;
        assert_eq!((page.status, &*page.body), (200, body), "{path}");
        assert_eq!(page.header("cache-control"), "no-cache", "{path}");
    }
    let (address, _server) = serve(house().no_cache(false).index_path(Some("/route"))).await;
    assert_eq!(fetch(address, "/", "").await.header("location"), "/route");
    assert_eq!(
        fetch(address, "/route", "").await.header("cache-control"),
        ""
    );
}

/// Who moves over and says nothing gets what hat-juggler has by default.
#[tokio::test]
async fn the_defaults_are_those_of_hat_juggler() {
    let (server, client) = (ServerOptions::default(), ClientOptions::default());
    assert_eq!(
        (server.send_queue_size, server.max_segment_size),
        (1_024, 65_536)
    );
    assert_eq!(client.max_segment_size, 65_536);
    for keepalive in [server.keepalive, client.keepalive] {
        assert_eq!(keepalive.ping_delay, Some(Duration::from_secs(30)));
        assert_eq!(keepalive.ping_timeout, Duration::from_secs(30));
    }
    assert!(!server.parallel_requests);
    assert_eq!(Juggler::builder(None).build().ws_path(), "/ws");
}
