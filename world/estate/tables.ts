/** What the estate consists of. See table.ts for the columns. */

/** name, how its ids look, how many there are, who may read them */
export const RESOURCES = `
  product    slug      900    public
  category   word      16     public
  sku        sku       2600   public
  review     number    9000   public
  order      number    24000  own
  order2     mixed     9000   own
  item       number    60000  own
  invoice    prefixed  14000  own
  address    objectid  9000   own
  wishlist   ulid      3000   shared
  store      word      12     public
  delivery   date      400    public
  coupon     code      300    public
  currency   currency  12     public
  locale     locale    12     public
  ticket     number    7000   own
  device     uuid      6000   own
  profile    handle    4000   public
  post       ulid      12000  public
  comment    number    40000  public
  group      slug      160    public
  file       uuid      20000  own
  version    number    30      own
  folder     objectid  5000   own
  share      prefixed  1200   shared
  tenant     slug      24     tenant
  document   slug      700    tenant
  shipment   prefixed  16000  tenant
  manifest   date      400    tenant
  warehouse  word      9      public
  hook       uuid      60     own
  customer   number    4000   tenant
  flag       slug      18     public
  month      month     24     public
  run        uuid      2400   tenant
  account    prefixed  6000   own
  transfer   uuid      30000  own
  message    objectid  16000  own
  session    uuid      9000   own
  email      email     4000   own
  charge     prefixed  9000   own
  mail       uuid      9000   own
`

export const SHOP = `
  GET     /v1/me                                      item    customer   9
  PATCH   /v1/me                                      update  customer   1
  GET     /v1/me/addresses                            list    address    3
  POST    /v1/me/addresses                            create  address    1
  PUT     /v1/me/addresses/{address}                  update  address    1
  DELETE  /v1/me/addresses/{address}                  remove  address    0.4
  GET     /v1/me/devices/{device}                     item    device     2
  GET     /v1/cart                                    page    -          9
  PUT     /v1/cart/items/{sku}                        update  sku        7
  DELETE  /v1/cart/items/{sku}                        remove  sku        2
  POST    /v1/cart/coupons/{coupon}                   action  coupon     1
  POST    /v1/checkout                                create  order      2
  GET     /v1/orders                                  list    order      12
  GET     /v1/orders/{order}                          item    order      16
  GET     /v1/orders/{order}/items                    list    item       4
  GET     /v1/orders/{order}/items/{item}             item    item       4
  POST    /v1/orders/{order}/cancel                   action  order      0.6
  POST    /v1/orders/{order}/returns                  create  ticket     0.6
  GET     /v1/orders/{order}/tracking                 page    order      5
  GET     /v2/orders                                  list    order2     8
  GET     /v2/orders/{order2}                         item    order2     10
  PATCH   /v2/orders/{order2}                         update  order2     1
  GET     /v1/invoices                                list    invoice    2
  GET     /v1/invoices/{invoice}                      item    invoice    3
  GET     /v1/invoices/{invoice}.pdf                  page    invoice    2
  GET     /v1/wishlists/{wishlist}                    item    wishlist   3
  PUT     /v1/wishlists/{wishlist}/items/{sku}        update  wishlist   1
  GET     /v1/deliveries/{delivery}/slots             page    -          2
  GET     /v1/notifications                           list    message    6
  POST    /v1/notifications/{message}/read            action  message    2
  POST    /v1/telemetry/batch                         ok      -          8
`

export const IDENTITY = `
  POST    /oauth/token                                create  -          1   public   60
  POST    /v1/login                                   create  -          1   public   110
  POST    /v1/logout                                  action  -          1   user
  POST    /v1/password/forgot                         action  -          1   public   80
  POST    /v1/mfa/verify                              action  -          1   public   70
  GET     /userinfo                                   item    customer   1   user
  GET     /v1/sessions                                list    session    1   user
  DELETE  /v1/sessions/{session}                      remove  session    0.3 user
  GET     /.well-known/jwks.json                      page    -          1   public
  GET     /.well-known/openid-configuration           page    -          1   public
`

export const WEB = `
  POST    /login                                      action  -          1   public   120
  POST    /logout                                     action  -          1
  GET     /account                                    page    customer   6
  GET     /account/orders                             list    order      8
  GET     /account/orders/{order}                     item    order      9
  GET     /account/messages/{message}                 item    message    4
  POST    /account/settings/notifications             update  -          1
  POST    /account/settings/privacy                   update  -          0.4
  GET     /bff/basket                                 page    -          8
  POST    /bff/basket/lines                           create  sku        4
  DELETE  /bff/basket/lines/{sku}                     remove  sku        1
  GET     /bff/recommendations/{product}              list    product    6
  GET     /help/articles/{document}                   page    -          2   public
  GET     /                                           page    -          6   public
`

export const CATALOGUE = `
  GET     /products                                   list    product    8
  GET     /products/{product}                         item    product    30
  GET     /products/{product}/reviews                 list    review     8
  GET     /products/{product}/reviews/{review}        item    review     2
  GET     /products/{product}/variants/{sku}          item    sku        6
  GET     /categories                                 list    category   4
  GET     /categories/{category}                      item    category   7
  GET     /categories/{category}/products             list    product    9
  GET     /search                                     list    product    12
  GET     /suggest                                    list    product    9
  GET     /stores/{store}/stock/{sku}                 item    sku        4
  GET     /rates/{currency}                           item    currency   4
  GET     /i18n/{locale}/messages                     page    -          4
  GET     /sitemap.xml                                page    -          0.5
  GET     /health                                     ok      -          0
`

export const SOCIAL = `
  GET     /u/{profile}                                item    profile    9
  GET     /u/{profile}/followers                      list    profile    3
  GET     /u/{profile}/posts                          list    post       5
  POST    /u/{profile}/follow                         action  profile    1
  GET     /feed                                       list    post       10
  POST    /posts                                      create  post       2
  GET     /posts/{post}                               item    post       9
  DELETE  /posts/{post}                               remove  post       0.3
  GET     /posts/{post}/comments                      list    comment    6
  POST    /posts/{post}/comments                      create  comment    2
  DELETE  /posts/{post}/comments/{comment}            remove  comment    0.3
  PUT     /posts/{post}/like                          action  post       5
  GET     /groups/{group}                             item    group      4
  GET     /groups/{group}/members                     list    profile    2
  GET     /avatars/{profile}.png                      page    -          9   public
  GET     /tags/{category}/posts                      list    post       2
`

export const FILES = `
  GET     /files                                      list    file       6
  POST    /files                                      create  file       2
  GET     /files/{file}                               item    file       9
  DELETE  /files/{file}                               remove  file       0.5
  GET     /files/{file}/content                       page    file       7
  GET     /files/{file}/versions                      list    version    2
  GET     /files/{file}/versions/{version}            item    version    2
  GET     /files/{file}/thumbnail.png                 page    -          5
  GET     /folders/{folder}                           item    folder     5
  GET     /folders/{folder}/children                  list    file       6
  POST    /folders/{folder}/move                      action  folder     0.5
  GET     /s/{share}                                  item    share      3   public
  GET     /t/{tenant}/docs                            list    document   3
  GET     /t/{tenant}/docs/{document}                 item    document   6
  PUT     /t/{tenant}/docs/{document}                 update  document   1
  GET     /t/{tenant}/members                         list    profile    1
`

export const PARTNERS = `
  GET     /v3/shipments                               list    shipment   10
  POST    /v3/shipments                               create  shipment   5
  GET     /v3/shipments/{shipment}                    item    shipment   14
  GET     /v3/shipments/{shipment}/label              page    shipment   5
  PATCH   /v3/shipments/{shipment}                    update  shipment   2
  GET     /v3/manifests/{manifest}                    item    manifest   2
  GET     /v3/manifests/{manifest}/{warehouse}        item    manifest   3
  GET     /v3/stock/{warehouse}/{sku}                 item    sku        9
  GET     /v3/events                                  list    run        6
  GET     /v3/hooks                                   list    hook       1
  PUT     /v3/hooks/{hook}                            update  hook       0.5
  GET     /v3/customers/by-email/{email}              item    customer   2
  GET     /export/orders                              report  order      0
  GET     /health                                     ok      -          0   public
  POST    /oauth/token                                create  -          0   public   60
`

export const ADMIN = `
  GET     /internal/customers                         list    customer   5
  GET     /internal/customers/{customer}              item    customer   14
  GET     /internal/customers/{customer}/orders       list    order      8
  GET     /internal/customers/{customer}/notes        list    ticket     5
  POST    /internal/customers/{customer}/notes        create  ticket     2
  POST    /internal/customers/{customer}/unlock       action  customer   0.6
  GET     /internal/orders/{order}                    item    order      10
  POST    /internal/orders/{order}/refunds            action  order      1
  GET     /internal/tickets                           list    ticket     6
  GET     /internal/tickets/{ticket}                  item    ticket     8
  POST    /internal/tickets/{ticket}/reply            action  ticket     4
  GET     /internal/flags                             list    flag       1
  PUT     /internal/flags/{flag}                      update  flag       0.3
  GET     /internal/reports/revenue/{month}           report  -          0.4
  GET     /internal/reports/churn/{month}             report  -          0.3
  GET     /internal/audit/{delivery}/{profile}        list    run        1
  DELETE  /internal/users/{profile}/sessions          remove  -          0.2
`

export const GRAPH = `
  POST    /graphql#Home                               page    product    9
  POST    /graphql#ProductPage                        item    product    9
  POST    /graphql#SearchProducts                     list    product    6
  POST    /graphql#OrderHistory                       list    order      5
  POST    /graphql#OrderDetail                        item    order      6
  POST    /graphql#CancelOrder                        action  order      0.5
  POST    /graphql#Viewer                             item    customer   5
  POST    /graphql#UpdateProfile                      update  customer   0.7
  POST    /graphql#AddToCart                          update  sku        3
  POST    /graphql#Cart                               page    sku        4
  POST    /graphql#SupportThreads                     list    ticket     2
  POST    /graphql#SendMessage                        create  message    1
  POST    /graphql#Friends                            list    profile    2
  POST    /graphql#NearbyStores                       list    store      1
`

export const LEDGER = `
  POST    /rpc#ledger.getBalance                      item    account    14
  POST    /rpc#ledger.getAccount                      item    account    8
  POST    /rpc#ledger.listTransfers                   list    transfer   8
  POST    /rpc#ledger.getTransfer                     item    transfer   8
  POST    /rpc#ledger.createTransfer                  create  transfer   4
  POST    /rpc#ledger.holdFunds                       action  account    2
  POST    /rpc#ledger.releaseFunds                    action  account    2
  POST    /rpc#rates.quote                            item    currency   6
  POST    /rpc#audit.append                           ok      -          3
  POST    /rpc#node.ping                              ok      -          4
`

export const PAYMENTS = `
  POST    /v1/charges                                 create  charge     10  backend  180
  GET     /v1/charges/{charge}                        item    charge     6   backend  60
  POST    /v1/charges/{charge}/refund                 action  charge     1   backend  150
`

export const MAILER = `
  POST    /v3/messages                                create  mail       8   backend  70
  GET     /v3/messages/{mail}                         item    mail       3   backend  40
`
