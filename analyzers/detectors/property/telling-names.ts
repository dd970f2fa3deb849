/** Without separators, in lower case. */
function plain(name: string): string {
  return name.replace(/[_-]/g, '').toLowerCase()
}

const PRIVILEGE =
  /^(?:roles?|userroles?|isadmin|admin|administrator|isroot|superuser|issuperuser|isstaff|staff|isowner|permissions?|privileges?|scopes?|authorities|grants?|acl|accesslevel|securitylevel|userlevel|usertype|accounttype|groups?|groupids?|isverified|verified|emailverified|phoneverified|kycstatus|isapproved|approved|isactive|enabled|isenabled|islocked|banned|balance|credits?|creditlimit|walletbalance|points|price|unitprice|totalprice|discount|discountpercent|ispaid|paid|paymentstatus|plan|tier|subscription|trialends?|quota|tenantid|tenant|orgid|organizationid|ownerid|userid|accountid|createdby|mfaenabled|twofactorenabled)$/

/** Whether a field of this name gives power, money or trust: nobody but the server should write it. */
export function givesPrivilege(name: string): boolean {
  return name.length <= 24 && PRIVILEGE.test(plain(name))
}

const INTERNAL =
  /^(?:internal|private|debug|raw|hidden|secret)|(?:hash|salt|secret|password|passwd|privatekey|pin)$|^(?:ssn|birthdate|birthday|dateofbirth|dob|income|salary|creditscore|riskscore|fraudscore|score|nationalid|passport|taxid|mothersmaidenname|securityanswer|diagnosis|bloodtype|religion|ethnicity|latitude|longitude|lastlogin|lastloginip|ipaddress|deviceid|sessions?|tokens?|apikeys?|stripeid|mfasecret|otpsecret|recoverycodes?)$/

/** Whether a field of this name tells what callers are not meant to know, or what is personal. */
export function tellsTooMuch(name: string): boolean {
  return name.length <= 40 && INTERNAL.test(plain(name))
}
