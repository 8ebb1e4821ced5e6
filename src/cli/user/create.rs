//! `keyward user create`

use crate::base::config::Config;
use crate::base::ids::OrganizationId;
use crate::base::input::email::Email;
use crate::base::input::validation::{Name, name};
use crate::base::time::Clock;
use crate::domain::changes::ScopedStore;
use crate::domain::identity::OperatorsAccounts;
use crate::domain::tenancy::Organization;
use crate::infra::mail;
use clap::Args;
use secrecy::ExposeSecret;

/// Whom to make.
#[derive(Args)]
pub struct CreateArgs {
    /// The person's address.
    email: Email,
    /// The person's name.
    #[arg(long, value_parser = name)]
    name: Option<Name>,
    /// Also make an organization of this name, which the person owns.
    #[arg(long, value_name = "ORGANIZATION_NAME", value_parser = name)]
    owner_of: Option<Name>,
    /// Mail the link to the person, and do not print it.
    #[arg(long)]
    mail: bool,
}

/// Makes account, user and organization in one transaction. The link is the last line.
pub fn run(config: &Config, store: &ScopedStore, args: &CreateArgs) -> Result<(), String> {
    if args.mail && config.mail.smtp_url.is_none() {
        return Err("--mail needs mail.smtp_url. Without --mail, the link is printed".to_owned());
    }
    let accounts = OperatorsAccounts::new(config)?;
    let now = Clock::system().now();
    let name = args.name.clone().map(Name::into_string);
    let made = store.change_access_blocking(|conn, access_change| {
        let Some((user, link)) = accounts.create(conn, &args.email, name, now)? else { return Ok(None) };
        let organization = match args.owner_of.clone() {
            None => None,
            Some(name) => {
                let id = OrganizationId::new();
                Some(Organization::create(conn, access_change, config, id, name.into_string(), user, now)?)
            }
        };
        Ok(Some((user, link, organization)))
    });
    let email = args.email.as_str();
    let Some((user, link, organization)) = made.map_err(|error| error.to_string())? else {
        return Err(format!("{email} has an account already; `keyward user set-password` gives it another password"));
    };
    println!("{user}\t{email}");
    if let Some(organization) = organization {
        println!("{}\t{}", organization.id, organization.name);
    }
    if args.mail {
        return match mail::send_blocking(config, &link.mail()) {
            Ok(()) => {
                println!("mailed a link that sets the password");
                Ok(())
            }
            Err(cause) => Err(format!(
                "the account is made, but the mail was not sent: {cause}. `keyward user set-password {email}` sets a password"
            )),
        };
    }
    println!("Pass this link on to the person. Within a day, it sets the password:");
    println!("{}", link.url().expose_secret());
    Ok(())
}
