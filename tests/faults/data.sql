-- Customers and payments of nobody; the same rows each time. Planted: bad addresses, impossible dates, doubled ids,
-- orphans and test payments.
CREATE TABLE customers (
    id bigint NOT NULL, name text NOT NULL, email text, phone text, national_id varchar(11), iban varchar(34),
    card varchar(19), birth_date date, country text NOT NULL, note text, tags text[] NOT NULL, preferences jsonb NOT NULL,
    created_at timestamptz NOT NULL
);
INSERT INTO customers
SELECT i, 'Name ' || i,
       CASE WHEN i % 1000 = 7 THEN 'no address ' || i WHEN i % 50 > 0 THEN 'p' || i || '@mail' || i % 3 || '.example' END,
       '+49 30 ' || 5550000 + i % 19000, '9' || lpad((i % 1000000000)::text, 10, '0'), 'DE' || lpad((i * 7)::text, 20, '0'),
       CASE WHEN i % 17 > 0 THEN '400000' || lpad(i::text, 10, '0') END,
       CASE WHEN i % 2500 = 11 THEN date '2093-05-01' ELSE date '1935-01-01' + (i * 7919 % 25500)::int END,
       (ARRAY['DE', 'AT', 'CH'])[1 + i % 3], CASE WHEN i % 5 = 0 THEN E'called, "twice"\nabout ' || i END,
       CASE WHEN i % 2 = 0 THEN ARRAY['a "quoted" tag', 'x,y'] ELSE '{}'::text[] END,
       jsonb_build_object('visits', i % 40, 'consent', i % 4 > 0),
       timestamptz '2021-01-01 00:00:00+00' + (i * 811 % 150000000) * interval '1 second'
FROM generate_series(1::bigint, 20000) AS i;
INSERT INTO customers
SELECT 5000 + i * 3, 'Doubled', 'd' || i || '@mail.example', NULL, NULL, 'DE' || lpad((900000 + i)::text, 20, '0'), NULL,
       date '1980-01-01', 'DE', NULL, '{}', '{}', timestamptz '2024-06-01 12:00:00+00'
FROM generate_series(1, 40) AS i;

CREATE TABLE payments (
    id bigint PRIMARY KEY, customer_id bigint NOT NULL, amount numeric(12, 2) NOT NULL, payer_iban varchar(34),
    status text NOT NULL, reference text, paid_at timestamptz NOT NULL
);
INSERT INTO payments
SELECT i, CASE WHEN i % 1250 = 3 THEN 9000000 + i ELSE 1 + i * 7919 % 20000 END, (i * 31 % 250000) / 100.0,
       'DE' || lpad(((1 + i * 7919 % 20000) * 7)::text, 20, '0'),
       CASE WHEN i % 500 = 1 THEN 'test' ELSE 'settled' END, CASE WHEN i % 4 = 0 THEN 'Invoice ' || i END,
       timestamptz '2025-01-01 00:00:00+00' + (i * 61 % 40000000) * interval '1 second'
FROM generate_series(1::bigint, 30000) AS i;
