//! `build`: the npm package in `js/dist/`, and its copy in `www/mirrorball/`.
//!
//! Two stages, each skipped while neither what it reads nor what it wrote has changed:
//!
//! 1. `client-wasm/` → wasm-pack → wasm-opt → `target/xtask/wasm/`
//! 2. that and `js/src/` → tsc → esbuild → `js/dist/` → `www/mirrorball/`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::{copy, remake};
use crate::fingerprint::Stamp;
use crate::process::{Outcome, ask, run};
use crate::progress::{Progress, human};
use crate::tools::{Tool, Toolbox, WASM};
use crate::workspace::Workspace;

/// What the module may use: all of it is in Node 20 and in every browser of the last two years.
/// Never `--all-features`, with which wasm-opt writes what engines refuse.
const FEATURES: &[&str] = &[
    "bulk-memory",
    "multivalue",
    "mutable-globals",
    "nontrapping-float-to-int",
    "reference-types",
    "sign-ext",
];

/// How wasm-opt makes the module small. The lowest kilobyte is the end of the stack: no address of data is in it.
pub(crate) const SHRINK: &[&str] = &[
    "--low-memory-unused",
    "--flatten",
    "--rereloop",
    "-Oz",
    "-Oz",
    "--converge",
];

/// One for each protocol, so that a page loads what it uses.
const MODULES: &[Module] = &[
    Module {
        name: "mirrorball",
        feature: "juggler",
    },
    Module {
        name: "bayeux",
        feature: "bayeux",
    },
];

/// A module of the browser client.
struct Module {
    /// What its files are called.
    name: &'static str,
    /// The crate's feature that it is built with.
    feature: &'static str,
}

impl Module {
    /// A file that wasm-bindgen writes, in `directory`.
    fn file(&self, directory: &Path, ending: &str) -> PathBuf {
        directory.join(format!("{}{ending}", self.name))
    }
}

/// The task.
pub(crate) fn task(workspace: &Workspace) -> Outcome {
    let toolbox = Toolbox::prepare(workspace, Tool::BUILD)?;
    package(&toolbox)
}

/// The modules as wasm-bindgen wrote them, once the package is built: with the names of their functions.
pub(crate) fn unoptimised(workspace: &Workspace) -> Vec<PathBuf> {
    let packed = workspace.target("xtask/wasm-pack");
    let file = |module: &Module| module.file(&packed.join(module.name), "_bg.wasm");
    MODULES.iter().map(file).collect()
}

/// Builds the package with tools that are there already.
pub(crate) fn package(toolbox: &Toolbox) -> Outcome {
    let workspace = toolbox.workspace();
    let wasm = workspace.target("xtask/wasm");
    let wasm_stage = Stamp {
        file: workspace.target("xtask/wasm.stamp"),
        inputs: [
            "Cargo.lock",
            "Cargo.toml",
            "client-wasm/Cargo.toml",
            "client-wasm/src",
            "protocol/Cargo.toml",
            "protocol/src",
            // For the version of wasm-opt.
            "js/package-lock.json",
            "xtask/inline.mjs",
            "xtask/shorten.mjs",
            "xtask/src/build.rs",
            "xtask/wrap.mjs",
        ]
        .map(|path| workspace.path(path))
        .to_vec(),
        words: vec![ask(Command::new("rustc").arg("--version")).unwrap_or_default()],
        outputs: [vec![wasm.clone()], unoptimised(workspace)].concat(),
    };
    let package_stage = Stamp {
        file: workspace.target("xtask/package.stamp"),
        inputs: [
            "js/package-lock.json",
            "js/package.json",
            "js/src",
            "js/tsconfig.json",
            "xtask/bundle.mjs",
            "xtask/src/build.rs",
        ]
        .map(|path| workspace.path(path))
        .into_iter()
        .chain([wasm.clone()])
        .collect(),
        words: Vec::new(),
        outputs: vec![workspace.path("js/dist"), workspace.path("www/mirrorball")],
    };

    let wasm_work = wasm_stage.work()?;
    if wasm_work.is_none() && package_stage.work()?.is_none() {
        eprintln!("the npm package is up to date");
        return Ok(());
    }
    let mut progress = Progress::new(2);
    progress.step("the wasm modules");
    if let Some(work) = wasm_work {
        remake(&wasm)?;
        for module in MODULES {
            build_wasm(toolbox, module, &wasm)?;
        }
        work.done()?;
    } else {
        eprintln!("nothing changed since it was built");
    }
    progress.step("the npm package");
    if let Some(work) = package_stage.work()? {
        build_package(toolbox, &wasm)?;
        work.done()?;
    } else {
        eprintln!("nothing changed since it was built");
    }
    let elapsed = human(progress.elapsed());
    eprintln!("the npm package is built after {elapsed}\n");
    Ok(())
}

/// Puts a module and its glue into `wasm`.
fn build_wasm(toolbox: &Toolbox, module: &Module, wasm: &Path) -> Outcome {
    let workspace = toolbox.workspace();
    let packed = workspace.target("xtask/wasm-pack").join(module.name);
    remake(&packed)?;
    let mut wasm_pack = toolbox.command("wasm-pack");
    // `no-install`: a missing tool is an error here, not a download.
    wasm_pack.args([
        "build",
        "--mode",
        "no-install",
        "--target",
        "web",
        "--profile",
        "wasm",
    ]);
    wasm_pack.args(["--no-pack", "--no-gitignore", "--no-opt"]);
    wasm_pack.args(["--out-name", module.name, "--out-dir"]);
    wasm_pack.arg(&packed).arg("client-wasm");
    wasm_pack.args(["--", "--config", &remapped(workspace)?]);
    wasm_pack.args(["--no-default-features", "--features", module.feature]);
    // Which would come before the flags of a configuration.
    wasm_pack.env_remove("RUSTFLAGS");
    run(wasm_pack.env_remove("CARGO_ENCODED_RUSTFLAGS"))?;

    // The facade is compiled against both.
    for ending in [".d.ts", ".js"] {
        copy(&module.file(&packed, ending), &module.file(wasm, ending))?;
    }
    // What the crate binds of `client-wasm/src/js/`.
    let snippets = packed.join("snippets");
    copy(&snippets, &wasm.join("snippets"))?;
    let optimised = packed.join("optimised.wasm");
    let mut shrink = toolbox.js("wasm-opt");
    shrink.args(SHRINK);
    shrink.args([
        "--strip-debug",
        "--strip-producers",
        "--strip-target-features",
    ]);
    shrink.arg(module.file(&packed, "_bg.wasm"));
    run(shrink.arg("-o").arg(&optimised))?;
    // Without the section that says what the module uses, only what is named here may be in it.
    let binary = module.file(wasm, "_bg.wasm");
    let mut validate = toolbox.js("wasm-opt");
    validate.args(["--strip-producers", "--mvp-features"]);
    validate.args(FEATURES.iter().map(|feature| format!("--enable-{feature}")));
    validate.arg(optimised).arg("-o").arg(&binary);
    run(&mut validate).map_err(|error| {
        format!(
            "{error}\nThe module may use nothing but {}.",
            FEATURES.join(", ")
        )
    })?;
    let glue = module.file(wasm, ".js");
    let mut shorten = toolbox.command("node");
    shorten.arg("xtask/shorten.mjs").arg(&binary);
    run(shorten.arg(&glue))?;
    let mut wrap = toolbox.command("node");
    wrap.arg("xtask/wrap.mjs").arg(&glue);
    run(wrap.arg(module.file(wasm, ".d.ts")))?;
    // Generated, so nobody reads it: unlike that of the package, its names go, too.
    let mut minify = toolbox.js("esbuild");
    minify.args(["--minify", "--log-level=warning", "--allow-overwrite"]);
    // One file: a folder beside it is what bundlers and pages trip over.
    minify.args(["--bundle", "--format=esm"]);
    run(minify
        .arg(&glue)
        .arg(format!("--outfile={}", glue.display())))?;
    let snippets = wasm.join("snippets");
    fs::remove_dir_all(&snippets)
        .map_err(|error| format!("cannot remove {}: {error}", snippets.display()))?;
    let mut inline = toolbox.command("node");
    inline.arg("xtask/inline.mjs").arg(&binary);
    run(inline.arg(module.file(wasm, ".inline")))
}

/// A setting of cargo by which the module, whose panics name their places, is the same wherever it is built.
fn remapped(workspace: &Workspace) -> Outcome<String> {
    let rustc = |arguments: &[&str]| {
        ask(Command::new("rustc").args(arguments))
            .ok_or_else(|| format!("`rustc {}` does not answer", arguments.join(" ")))
    };
    // Where the standard library's source is installed, its places are there; otherwise below the commit.
    let about = rustc(&["-vV"])?;
    let commit = about
        .lines()
        .find_map(|line| line.strip_prefix("commit-hash: "))
        .unwrap_or("unknown");
    let library = Path::new(&rustc(&["--print", "sysroot"])?).join("lib/rustlib/src/rust");
    let flags = [
        (workspace.path(""), "/mirrorball/".to_owned()),
        (cargo_home()?.join("registry/src"), "/crates".to_owned()),
        (library, format!("/rustc/{commit}")),
    ]
    .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    // Texts in TOML, since paths may have spaces.
    Ok(format!("target.{WASM}.rustflags={flags:?}"))
}

fn cargo_home() -> Outcome<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    variable("CARGO_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".cargo")))
        .ok_or_else(|| "neither CARGO_HOME nor HOME says where cargo keeps crates".to_owned())
}

fn build_package(toolbox: &Toolbox, wasm: &Path) -> Outcome {
    let workspace = toolbox.workspace();
    let dist = workspace.path("js/dist");
    remake(&dist)?;
    copy(wasm, &dist.join("wasm"))?;
    run(toolbox.js("tsc").args(["--project", "js/tsconfig.json"]))?;
    if !dist.join("index.js").is_file() {
        return Err("tsc wrote no js/dist/index.js: the package's entry is js/src/index.ts".into());
    }
    run(toolbox.command("node").arg("xtask/bundle.mjs"))?;
    let page = workspace.path("www/mirrorball");
    remake(&page)?;
    copy(&dist, &page)
}
