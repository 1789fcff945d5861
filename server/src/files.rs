//! A folder of static files.
//!
//! What is served is what a web server is expected to publish: regular files inside the folder, by
//! their own names. Names that begin with a dot (`.htpasswd`, `.git`), symbolic links, pipes and devices
//! are answered with 404, as if they were not there. Links are followed where that is asked for, but
//! neither out of the folder nor to a hidden name. That keeps mistakes from being published; who can write to the folder decides what is in
//! it, and is trusted.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Router,
    extract::{RawQuery, Request},
    http::{HeaderValue, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use percent_encoding::percent_decode_str;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncSeek, ReadBuf},
    task::spawn_blocking,
};
use tower_http::services::{
    ServeDir,
    fs::{Backend, File},
};

/// The page that `/` leads to, unless told otherwise.
pub const INDEX_PATH: &str = "/index.html";

/// What the pages of the folder may do: load what is in the folder, run its scripts and its
/// WebAssembly, and open WebSockets. Nothing inline, nothing from elsewhere, in no frame.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; \
     script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ws: wss:; style-src 'self'; \
     img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

/// A folder of static files, served over HTTP.
///
/// ```no_run
/// use mirrorball_server::files::Files;
///
/// let router = Files::open("www")?.into_router();
/// # Ok::<(), mirrorball_server::files::FilesError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Files {
    root: PathBuf,
    index_path: Option<String>,
    no_cache: bool,
    follow_symlinks: bool,
}

/// A folder cannot be served.
#[derive(Debug, Error)]
pub enum FilesError {
    /// It is not there, or may not be read.
    #[error("the folder {} of static files cannot be opened: {error}", .folder.display())]
    Open {
        /// The folder that was named.
        folder: PathBuf,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// It is something else.
    #[error("{} is not a folder: a folder of static files was expected", .0.display())]
    NotAFolder(PathBuf),
}

impl Files {
    /// The files in a folder.
    ///
    /// # Errors
    ///
    /// Where the folder is missing or unreadable, or is not a folder.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, FilesError> {
        let folder = folder.as_ref();
        let fail = |error| FilesError::Open {
            folder: folder.to_owned(),
            error,
        };
        let root = folder.canonicalize().map_err(fail)?;
        if !root.is_dir() {
            return Err(FilesError::NotAFolder(folder.to_owned()));
        }
        fs::read_dir(&root).map_err(fail)?;
        Ok(Self {
            root,
            index_path: Some(INDEX_PATH.to_owned()),
            no_cache: true,
            follow_symlinks: false,
        })
    }

    /// Whether browsers have to ask each time whether a file has changed (`Cache-Control:
    /// no-cache`); what has not changed is not sent again. Default: true.
    #[must_use]
    pub fn no_cache(mut self, no_cache: bool) -> Self {
        self.no_cache = no_cache;
        self
    }

    /// Where `/` leads, with 302; by default to [`INDEX_PATH`]. With `None` it is the folder's own `index.html`.
    #[must_use]
    pub fn index_path(mut self, index_path: Option<String>) -> Self {
        self.index_path = index_path;
        self
    }

    /// Whether symbolic links are followed that stay inside the folder. Default: false.
    #[must_use]
    pub fn follow_symlinks(mut self, follow: bool) -> Self {
        self.follow_symlinks = follow;
        self
    }

    /// A router that answers every path from the folder.
    pub fn into_router(self) -> Router {
        let folder = Folder {
            root: Arc::from(self.root.as_path()),
            follow_symlinks: self.follow_symlinks,
        };
        let no_cache = self.no_cache;
        let index = self.index_path.map_or_else(Router::new, index);
        index
            .fallback_service(ServeDir::with_backend(self.root, folder))
            .layer(middleware::from_fn(move |request, next| {
                answer(request, next, no_cache)
            }))
    }
}

/// Redirects `/` to this path.
pub(crate) fn index(path: String) -> Router {
    let redirect = |RawQuery(query): RawQuery| async move {
        let location = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
        (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
    };
    Router::new().route("/", get(redirect))
}

async fn answer(mut request: Request, next: Next, no_cache: bool) -> Response {
    // A redirect repeats what was asked for, and a request may name another host in front of the path.
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(path);
    }
    let mut response = if is_plain(request.uri().path()) {
        next.run(request).await
    } else {
        StatusCode::NOT_FOUND.into_response()
    };
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // On all, not on HTML alone: an SVG that is opened by itself is a page with scripts, too.
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    );
    if no_cache {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    response
}

/// Whether a request path consists of plain names: none begins with a dot, none is empty.
///
/// An empty one would be harmless in the folder, but not in the redirect that adds a final slash:
/// `//name/` names another host.
fn is_plain(path: &str) -> bool {
    let Ok(path) = percent_decode_str(path).decode_utf8() else {
        return false;
    };
    let Some(path) = path.strip_prefix('/') else {
        return false;
    };
    let path = path.strip_suffix('/').unwrap_or(path);
    let plain = |name: &str| !name.is_empty() && is_visible(name);
    path.is_empty() || path.split(['/', '\\']).all(plain)
}

/// Whether a file of this name may be seen.
fn is_visible(name: &str) -> bool {
    !name.starts_with('.') && !name.contains('\0')
}

/// The files that may be seen, below a canonical path.
#[derive(Clone, Debug)]
struct Folder {
    root: Arc<Path>,
    follow_symlinks: bool,
}

impl Folder {
    /// Where a path really leads, if that is a visible file or folder below the root.
    fn resolve(&self, path: &Path) -> io::Result<(PathBuf, fs::Metadata)> {
        // Also links in a circle, and names that are too long: none of that is there.
        let real = path.canonicalize().map_err(|_| hidden())?;
        // With a link on its way it leads somewhere else; component by component, since slashes may differ.
        if !self.follow_symlinks && !real.components().eq(path.components()) {
            return Err(hidden());
        }
        let path = real;
        let inside = path.strip_prefix(&self.root).map_err(|_| hidden())?;
        let visible = |part: Component<'_>| part.as_os_str().to_str().is_some_and(is_visible);
        if !inside.components().all(visible) {
            return Err(hidden());
        }
        let metadata = fs::symlink_metadata(&path)?;
        if metadata.is_file() || metadata.is_dir() {
            Ok((path, metadata))
        } else {
            Err(hidden())
        }
    }
}

impl Backend for Folder {
    type File = OpenFile;
    type Metadata = fs::Metadata;
    type OpenFuture = Answer<OpenFile>;
    type MetadataFuture = Answer<fs::Metadata>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        let folder = self.clone();
        blocking(move || {
            let (path, metadata) = folder.resolve(&path)?;
            // To open a pipe would wait for a writer.
            if !metadata.is_file() {
                return Err(hidden());
            }
            let file = fs::File::open(path)?;
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Err(hidden());
            }
            Ok(OpenFile {
                file: file.into(),
                metadata,
            })
        })
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        let folder = self.clone();
        blocking(move || Ok(folder.resolve(&path)?.1))
    }
}

type Answer<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Answer<T> {
    Box::pin(async { spawn_blocking(work).await? })
}

fn hidden() -> io::Error {
    io::ErrorKind::NotFound.into()
}

/// A regular file, and what was known of it when it was opened.
#[derive(Debug)]
struct OpenFile {
    file: tokio::fs::File,
    metadata: fs::Metadata,
}

impl File for OpenFile {
    type Metadata = fs::Metadata;
    type MetadataFuture<'a> = std::future::Ready<io::Result<fs::Metadata>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        std::future::ready(Ok(self.metadata.clone()))
    }
}

impl AsyncRead for OpenFile {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_read(context, buffer)
    }
}

impl AsyncSeek for OpenFile {
    fn start_seek(mut self: Pin<&mut Self>, position: io::SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.file).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut self.file).poll_complete(context)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use axum::{
        body::{Body, to_bytes},
        http::Method,
    };
    use std::{
        io::Write as _,
        net::{SocketAddr, TcpStream},
        os::unix::fs::symlink,
        process::Command,
        time::Duration,
    };
    use tower::ServiceExt;

    const SECRET: &str = "canary";

    /// A folder with what may be served, and with what may not.
    fn folder() -> tempfile::TempDir {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("outside.txt"), SECRET).unwrap();
        fs::create_dir(base.path().join("www-private")).unwrap();
        fs::write(base.path().join("www-private/page.html"), SECRET).unwrap();

        let www = base.path().join("www");
        for folder in [
            "www",
            "www/sub",
            "www/empty",
            "www/.git",
            "www/.git/objects",
            "www/...",
        ] {
            fs::create_dir(base.path().join(folder)).unwrap();
        }
        for (name, text) in [
            ("index.html", "<h1>hello</h1>"),
            ("app.js", "export {}"),
            ("module.mjs", "export {}"),
            ("client_bg.wasm", "\0asm"),
            ("style.css", "p {}"),
            ("data.json", "{}"),
            ("picture.svg", "<svg/>"),
            ("plain", "octets"),
            ("with space.txt", "space"),
            ("dots..txt", "dots"),
            ("sub/index.html", "<h1>sub</h1>"),
            (".htpasswd", SECRET),
            (".git/config", SECRET),
            (".git/objects/pack", SECRET),
            (".../file", SECRET),
            ("sub/.env", SECRET),
        ] {
            fs::write(www.join(name), text).unwrap();
        }
        let links = [
            ("../outside.txt", "link-out"),
            ("..", "link-up"),
            ("/etc", "link-etc"),
            (".htpasswd", "link-hidden"),
            (".git", "link-git"),
            ("../www-private", "link-sibling"),
            ("loop", "loop"),
            ("missing", "link-broken"),
            ("index.html", "link-in.html"),
            ("sub", "link-sub"),
        ];
        for (target, name) in links {
            symlink(target, www.join(name)).unwrap();
        }
        assert!(
            Command::new("mkfifo")
                .arg(www.join("pipe"))
                .status()
                .unwrap()
                .success()
        );
        symlink("pipe", www.join("link-pipe")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(www.join("socket")).unwrap();
        base
    }

    async fn request(router: &Router, method: Method, path: &str) -> Response {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        let response = router.clone().oneshot(request);
        tokio::time::timeout(Duration::from_secs(5), response)
            .await
            .unwrap()
            .unwrap()
    }

    async fn text(response: Response) -> String {
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[tokio::test]
    async fn serves_files_as_what_they_are() {
        let folder = folder();
        let router = Files::open(folder.path().join("www"))
            .unwrap()
            .into_router();
        let cases = [
            ("/index.html", "text/html", "<h1>hello</h1>"),
            ("/index.html?x=/../.htpasswd", "text/html", "<h1>hello</h1>"),
            ("/app.js", "text/javascript", "export {}"),
            ("/module.mjs", "application/javascript", "export {}"),
            ("/client_bg.wasm", "application/wasm", "\0asm"),
            ("/style.css", "text/css", "p {}"),
            ("/data.json", "application/json", "{}"),
            ("/picture.svg", "image/svg+xml", "<svg/>"),
            ("/plain", "application/octet-stream", "octets"),
            ("/with%20space.txt", "text/plain", "space"),
            ("/dots..txt", "text/plain", "dots"),
            ("/sub/", "text/html", "<h1>sub</h1>"),
            ("/sub/index.html", "text/html", "<h1>sub</h1>"),
            ("/%73ub%2findex.html", "text/html", "<h1>sub</h1>"),
        ];
        for (path, kind, expect) in cases {
            let response = request(&router, Method::GET, path).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], kind, "{path}");
            assert_eq!(text(response).await, expect, "{path}");

            let head = request(&router, Method::HEAD, path).await;
            assert_eq!(head.status(), StatusCode::OK, "{path}");
            assert_eq!(
                head.headers()[header::CONTENT_LENGTH],
                &*expect.len().to_string()
            );
            assert_eq!(text(head).await, "");
        }
    }

    #[tokio::test]
    async fn follows_links_inside_the_folder_where_asked_to() {
        let folder = folder();
        let files = Files::open(folder.path().join("www")).unwrap();
        let following = files.clone().follow_symlinks(true).into_router();
        let router = files.into_router();
        for (path, expect) in [
            ("/link-in.html", "<h1>hello</h1>"),
            ("/link-sub/index.html", "<h1>sub</h1>"),
        ] {
            let response = request(&following, Method::GET, path).await;
            assert_eq!(text(response).await, expect, "{path}");
            let response = request(&router, Method::GET, path).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[tokio::test]
    async fn leads_to_the_index() {
        let folder = folder();
        let files = Files::open(folder.path().join("www")).unwrap();
        let response = request(
            &files.clone().index_path(None).into_router(),
            Method::GET,
            "/",
        )
        .await;
        assert_eq!(text(response).await, "<h1>hello</h1>");
        let other = files.clone().index_path(Some("/app.html".to_owned()));
        let response = request(&other.into_router(), Method::GET, "/?a").await;
        assert_eq!(response.headers()[header::LOCATION], "/app.html?a");
        let router = files.into_router();
        for (path, location) in [("/", "/index.html"), ("/?a=b&c", "/index.html?a=b&c")] {
            let response = request(&router, Method::GET, path).await;
            assert_eq!(response.status(), StatusCode::FOUND);
            assert_eq!(response.headers()[header::LOCATION], location);
        }
        for path in ["/sub", "http://evil.example/sub"] {
            let response = request(&router, Method::GET, path).await;
            assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
            assert_eq!(response.headers()[header::LOCATION], "/sub/");
        }
    }

    #[tokio::test]
    async fn hides_what_is_not_public() {
        let folder = folder();
        let files = Files::open(folder.path().join("www")).unwrap();
        let routers = [files.clone(), files.follow_symlinks(true)].map(Files::into_router);
        let paths = [
            // Not there.
            "/missing.html",
            "/index.html/",
            "/index.html/more",
            "/empty/",
            "/sub/missing",
            // Dot segments, plain and encoded.
            "/.htpasswd",
            "/%2ehtpasswd",
            "/%2Ehtpasswd",
            "/.htpasswd/",
            "/.git/config",
            "/.git%2fconfig",
            "/%2egit/objects/pack",
            "/sub/.env",
            "/sub/%2eenv",
            "/sub%2f.env",
            "/sub%5c.env",
            "/sub\\.env",
            "/.../file",
            "/./index.html",
            "/%2e/index.html",
            "/sub/.",
            // Out of the folder.
            "/../outside.txt",
            "/..%2foutside.txt",
            "/%2e%2e/outside.txt",
            "/%2e%2e%2foutside.txt",
            "/%252e%252e/outside.txt",
            "/sub/../../outside.txt",
            "/sub/%2e%2e/%2e%2e/outside.txt",
            "/..\\outside.txt",
            "/..%5coutside.txt",
            "/....//outside.txt",
            "/..;/outside.txt",
            "/%c0%ae%c0%ae/outside.txt",
            "/..%00/outside.txt",
            "/outside.txt%00.html",
            "/index.html%00",
            "/%00",
            "/../www-private/page.html",
            "//etc/passwd",
            "/%2fetc/passwd",
            "/etc/passwd",
            "/c:/windows/win.ini",
            // Links.
            "/link-out",
            "/link-up/outside.txt",
            "/link-up/www/index.html/../.htpasswd",
            "/link-etc/passwd",
            "/link-hidden",
            "/link-git/config",
            "/link-sibling/page.html",
            "/loop",
            "/link-broken",
            // What is no regular file.
            "/pipe",
            "/link-pipe",
            "/socket",
            // What a redirect would turn into another host.
            "//sub",
            "//index.html",
            "/sub//index.html",
        ];
        let long = format!("/{}", "long".repeat(500));
        for path in paths.into_iter().chain([long.as_str()]) {
            for (router, method) in [
                (&routers[0], Method::GET),
                (&routers[0], Method::HEAD),
                (&routers[1], Method::GET),
            ] {
                let response = request(router, method.clone(), path).await;
                assert_eq!(response.status(), StatusCode::NOT_FOUND, "{method} {path}");
                assert!(!text(response).await.contains(SECRET), "{method} {path}");
            }
        }
    }

    #[tokio::test]
    async fn protects_every_answer() {
        let folder = folder();
        let files = Files::open(folder.path().join("www")).unwrap();
        let router = files.clone().into_router();
        for (method, path, status) in [
            (Method::GET, "/", 302),
            (Method::GET, "/index.html", 200),
            (Method::GET, "/picture.svg", 200),
            (Method::GET, "/sub", 307),
            (Method::GET, "/missing", 404),
            (Method::GET, "/.htpasswd", 404),
            (Method::POST, "/index.html", 405),
            (Method::DELETE, "/", 405),
        ] {
            let response = request(&router, method, path).await;
            assert_eq!(response.status(), status, "{path}");
            let headers = response.headers();
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
            assert_eq!(headers[header::CACHE_CONTROL], "no-cache", "{path}");
            assert_eq!(
                headers[header::CONTENT_SECURITY_POLICY],
                CONTENT_SECURITY_POLICY,
                "{path}"
            );
        }
        assert!(!CONTENT_SECURITY_POLICY.contains("  "));

        let router = files.no_cache(false).into_router();
        let response = request(&router, Method::GET, "/index.html").await;
        assert!(!response.headers().contains_key(header::CACHE_CONTROL));
    }

    #[tokio::test]
    async fn sends_again_only_what_has_changed() {
        let folder = folder();
        let router = Files::open(folder.path().join("www"))
            .unwrap()
            .into_router();
        let first = request(&router, Method::GET, "/app.js").await;
        let tag = first.headers()[header::ETAG].clone();
        let request = || {
            let request = Request::get("/app.js").header(header::IF_NONE_MATCH, tag.clone());
            request.body(Body::empty()).unwrap()
        };
        let again = router.clone().oneshot(request()).await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.headers()[header::CACHE_CONTROL], "no-cache");

        fs::write(folder.path().join("www/app.js"), "export default 1").unwrap();
        let changed = router.clone().oneshot(request()).await.unwrap();
        assert_eq!(text(changed).await, "export default 1");

        let part = Request::get("/app.js").header(header::RANGE, "bytes=7-13");
        let part = router
            .oneshot(part.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(text(part).await, "default");
    }

    #[test]
    fn opens_folders_only() {
        let folder = folder();
        let message = |path: PathBuf| Files::open(path).unwrap_err().to_string();
        let missing = message(folder.path().join("nowhere"));
        assert!(
            missing.contains("nowhere of static files cannot be opened"),
            "{missing}"
        );
        let file = message(folder.path().join("outside.txt"));
        assert!(
            file.ends_with("a folder of static files was expected"),
            "{file}"
        );
    }

    /// Over a socket, where no client library has tidied up the path before.
    #[tokio::test]
    async fn withstands_raw_requests() {
        let folder = folder();
        let router = Files::open(folder.path().join("www"))
            .unwrap()
            .into_router();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let answers = spawn_blocking(move || {
            let paths = [
                "/../outside.txt",
                "/..//../outside.txt",
                "../outside.txt",
                "outside.txt",
                "/link-up/outside.txt",
                "/sub/../../outside.txt",
                "/%2e%2e/%2e%2e/outside.txt",
                "http://127.0.0.1/../outside.txt",
                "//../outside.txt",
                "/.htpasswd",
                "*",
            ];
            paths.map(|path| (path, raw(address, path)))
        });
        for (path, answer) in answers.await.unwrap() {
            let status = answer.split(' ').nth(1).unwrap_or_default();
            assert!(["400", "404"].contains(&status), "{path}: {answer}");
            assert!(!answer.contains(SECRET), "{path}");
        }
        server.abort();
    }

    fn raw(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        io::read_to_string(stream).unwrap()
    }

    /// Random paths from the pieces that traversals are made of, with a canary outside the root.
    #[tokio::test]
    async fn never_leaves_the_folder() {
        const PIECES: [&str; 24] = [
            "/",
            "//",
            ".",
            "..",
            "%2e",
            "%2E%2e",
            "%2f",
            "%5c",
            "\\",
            "%00",
            "outside.txt",
            "www",
            "www-private",
            "page.html",
            "link-up",
            "link-git",
            "sub",
            ".htpasswd",
            "config",
            ";",
            "%252e",
            "index.html",
            "%c0%af",
            "~",
        ];
        let folder = folder();
        let files = Files::open(folder.path().join("www")).unwrap();
        let following = files.clone().follow_symlinks(true);
        let routers = [files, following].map(Files::into_router);
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |bound: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % bound as u64) as usize
        };
        let mut found = 0;
        for _ in 0..100_000 {
            let mut path = "/".to_owned();
            for _ in 0..=next(8) {
                path.push_str(PIECES[next(PIECES.len())]);
            }
            let Ok(uri) = path.parse::<axum::http::Uri>() else {
                continue;
            };
            let request = Request::get(uri).body(Body::empty()).unwrap();
            let response = routers[next(2)].clone().oneshot(request).await.unwrap();
            found += usize::from(response.status() == StatusCode::OK);
            assert!(!text(response).await.contains(SECRET), "{path}");
        }
        // Otherwise it would show nothing.
        assert!(found > 100, "{found}");
    }
}
