"""Makes asn.mmdb and ipinfo.mmdb: whose networks the documentation ranges are, as two vendors would say it, and city.mmdb, which
does not say it.

    python3 -m venv /tmp/mmdb && /tmp/mmdb/bin/pip install mmdb_writer==0.2.7 && /tmp/mmdb/bin/python make.py

Numbers are of RFC 5398, addresses of RFC 5737 and RFC 3849. The file holds the time at which it was made.
"""

from pathlib import Path

from netaddr import IPSet
from mmdb_writer import MMDBWriter

HERE = Path(__file__).parent

NETWORKS = [
    (["192.0.2.0/24"], 64496, "Example Broadband"),
    (["198.51.100.0/25", "2001:db8:1000::/36"], 64497, "Example Mobile"),
    (["198.51.100.128/25"], 64498, "Example Hosting \u202e<b>Ltd</b>"),
    (["203.0.113.0/24"], 64497, "Example Mobile"),
    (["2001:db8:2000::/36"], 64499, None),
]


def write(name, kind, record):
    writer = MMDBWriter(6, kind, languages=["en"], description="documentation ranges", ipv4_compatible=True)
    for networks, number, organisation in NETWORKS:
        writer.insert_network(IPSet(networks), record(number, organisation))
    writer.to_db_file(str(HERE / name))


def maxmind(number, organisation):
    said = {"autonomous_system_number": number}
    return said if organisation is None else {**said, "autonomous_system_organization": organisation}


def ipinfo(number, organisation):
    return {"asn": f"AS{number}", "as_name": organisation or "", "as_domain": "example.com", "country": "Nowhere"}


write("asn.mmdb", "GeoLite2-ASN", maxmind)
write("ipinfo.mmdb", "ipinfo generic_asn_free.mmdb", ipinfo)
write("city.mmdb", "GeoLite2-City", lambda number, organisation: {"city": {"names": {"en": "Nowhere"}}})
