//! Clients that generators make of the documents of a running server, with collections and billing.

use super::{configure, tools};
use crate::billing::stripe;
use crate::support::smtp::Smtp;
use crate::support::{Backend, Server, environment, secrets, tenant, tests_once};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

tests_once![
    the_client_of_openapi_python_client_works_with_every_operation,
    its_client_of_the_3_0_document_works_as_well,
    the_client_of_openapi_fetch_works_with_every_group_of_operations,
    openapi_generator_makes_clients_that_compile,
];

/// A server with all operations, and what a program needs to call them.
struct Scene {
    server: Server,
    mails: TempDir,
    service_token: String,
    backend_token: String,
}

impl Scene {
    async fn start() -> Self {
        let mails = TempDir::new_in(environment::directory()).expect("a directory");
        let smtp = Smtp::keeping(Some(mails.path().to_owned()));
        let server = Server::with(Backend::Sqlite, |config| {
            configure(config);
            config.mail.smtp_url = Some(smtp.url().into());
        })
        .await;
        let service_token = tenant::service_token(&server.database).await;
        let backend_token = tenant::backend_token(&server.database, tenant::EVERYTHING, &[]).await;
        Self { server, mails, service_token, backend_token }
    }

    /// Writes a document of the server into this directory.
    async fn save(&self, name: &str, directory: &Path) -> PathBuf {
        let file = directory.join(name);
        let text = self.server.get(&format!("/{name}")).send().await.expect(200).text;
        fs::write(&file, text).expect("the document can be written");
        file
    }

    /// Runs a program against the server, which prints the secrets that it saw.
    async fn drive(&self, mut program: Command, document: &Path) {
        program
            .env("BASE", self.server.url(""))
            .env("DOCUMENT", document)
            .env("MAILS", self.mails.path())
            .env("SERVICE_TOKEN", &self.service_token)
            .env("BACKEND_TOKEN", &self.backend_token)
            .env("STRIPE_SECRET", stripe::SECRET);
        let printed = tools::run(program).await;
        let seen: Vec<String> = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
        assert!(seen.len() > 5, "{} secrets", seen.len());
        seen.iter().for_each(|secret| secrets::register(secret));
    }
}

/// Makes the package `keyward_client` of a document in its directory. A warning fails.
async fn generate_python(document: &Path) {
    let mut command = tools::python("openapi-python-client");
    command.args(["generate", "--fail-on-warning", "--meta", "none", "--config"]);
    command.arg(tools::sources().join("python-client.yaml")).arg("--path").arg(document);
    command.arg("--output-path").arg(document.with_file_name("keyward_client"));
    tools::run(command).await;
}

/// Drives the client of one document. Answers are compared with the 3.1 document, which says more.
async fn drive_python(name: &str) {
    let (scene, directory) = (Scene::start().await, tools::workshop(&format!("python-{name}")));
    generate_python(&scene.save(name, &directory).await).await;
    let mut program = tools::python("python");
    program.arg(tools::sources().join("drive.py")).env("PYTHONPATH", &directory);
    scene.drive(program, &scene.save("openapi.json", &directory).await).await;
}

async fn the_client_of_openapi_python_client_works_with_every_operation() {
    drive_python("openapi.json").await;
}

async fn its_client_of_the_3_0_document_works_as_well() {
    drive_python("openapi-3.0.json").await;
}

async fn the_client_of_openapi_fetch_works_with_every_group_of_operations() {
    let (scene, directory) = (Scene::start().await, tools::workshop("fetch"));
    let document = scene.save("openapi.json", &directory).await;
    let mut types = tools::node("openapi-typescript");
    types.arg(&document).arg("--output").arg(directory.join("openapi.ts"));
    tools::run(types).await;
    for name in ["drive.ts", "tsconfig.json"] {
        fs::copy(tools::sources().join(name), directory.join(name)).expect("copied");
    }
    fs::write(directory.join("package.json"), r#"{ "type": "module" }"#).expect("written");
    let mut compiler = tools::node("tsc");
    compiler.arg("--project").arg(&directory);
    tools::run(compiler).await;
    let mut program = Command::new("node");
    program.arg(directory.join("build/drive.js"));
    scene.drive(program, &document).await;
}

async fn openapi_generator_makes_clients_that_compile() {
    let (scene, directory) = (Scene::start().await, tools::workshop("generator"));
    for name in ["openapi.json", "openapi-3.0.json"] {
        let document = scene.save(name, &directory).await;
        for generator in ["typescript-axios", "typescript-fetch"] {
            let made = directory.join(format!("{generator}-{}", name.trim_end_matches(".json")));
            let mut command = tools::python("openapi-generator-cli");
            command.args(["generate", "--generator-name", generator, "--input-spec"]).arg(&document);
            command.arg("--output").arg(&made);
            tools::run(command).await;
            let mut compiler = tools::node("tsc");
            compiler.current_dir(&directory).args([
                "--noEmit",
                "--strict",
                "--skipLibCheck",
                "--target",
                "es2022",
                "--module",
                "esnext",
            ]);
            compiler.args(["--moduleResolution", "bundler", "--types", "node"]).arg(made.join("index.ts"));
            tools::run(compiler).await;
        }
    }
}
