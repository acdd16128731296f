-- Customers and payments of a company that does not exist; the same rows on every machine.
-- Planted: 200 bad e-mail addresses, 150 impossible birth dates, 120 doubled ids, 400 orphan payments, 1,000 test
-- payments, and 20 fraud rings: customers who share a card, an IBAN or a phone.

CREATE FUNCTION pg_temp.pick(names text[], seed bigint) RETURNS text IMMUTABLE LANGUAGE sql
    AS $$ SELECT names[1 + (('x' || substr(md5(seed::text), 1, 7))::bit(28)::int % cardinality(names))] $$;

CREATE FUNCTION pg_temp.luhn(digits text) RETURNS text IMMUTABLE LANGUAGE sql
    AS $$ SELECT digits || ((10 - sum(CASE WHEN place % 2 = 1 THEN (digit * 2) / 10 + (digit * 2) % 10 ELSE digit END) % 10) % 10)
          FROM (SELECT place, substr(digits, place, 1)::int AS digit FROM generate_series(1, length(digits)) AS place) AS d $$;

CREATE FUNCTION pg_temp.iban(account text) RETURNS text IMMUTABLE LANGUAGE sql
    AS $$ SELECT 'DE' || lpad((98 - (account || '131400')::numeric % 97)::text, 2, '0') || account $$;

CREATE TABLE customers (
    id bigint NOT NULL,
    name text NOT NULL,
    email text,
    phone text,
    national_id varchar(11),
    iban varchar(34),
    card varchar(19),
    birth_date date,
    country text NOT NULL,
    note text,
    tags text[] NOT NULL,
    preferences jsonb NOT NULL,
    created_at timestamptz NOT NULL
);

-- A ring's members take the card, IBAN or phone of its first member. Rings lie apart from every planted fault.
CREATE TEMP TABLE ring ON COMMIT DROP AS
    SELECT number, 1000 + number * 97 + member AS id, 1000 + number * 97 AS first,
           (ARRAY['card', 'iban', 'phone'])[1 + number % 3] AS shares
    FROM generate_series(1, 20) AS number, generate_series(0, 5) AS member
    WHERE member <= 2 + number % 4;

INSERT INTO customers
SELECT i,
       first_name || ' ' || last_name,
       CASE WHEN i % 1000 = 7 THEN lower(first_name) || ' at mail' || i
            ELSE lower(first_name) || '.' || lower(last_name) || i || '@' || pg_temp.pick(domains, i + 3) END,
       '+49 30 ' || 5550000 + coalesce(phone_of.first, i),
       CASE WHEN i % 11 > 0 THEN '9' || lpad((i % 100)::text, 2, '0') || '-' || lpad((i % 90 + 1)::text, 2, '0')
            || '-' || lpad((i * 7919 % 10000)::text, 4, '0') END,
       pg_temp.iban('37040044' || lpad(coalesce(iban_of.first, i)::text, 10, '0')),
       CASE WHEN i % 17 > 0 OR card_of.first IS NOT NULL
            THEN pg_temp.luhn('400000' || lpad(coalesce(card_of.first, i)::text, 9, '0')) END,
       CASE WHEN i % 1333 = 11 THEN date '2093-05-01' + (i % 900)::int
            ELSE date '1935-01-01' + (i * 7919 % 25500)::int END,
       pg_temp.pick(ARRAY['DE', 'DE', 'DE', 'AT', 'CH', 'FR', 'NL', 'PL'], i + 4),
       CASE WHEN i % 5 = 0 THEN 'Called about order ' || i || '; prefers mail to ' || lower(last_name) || i || '@mail.example' END,
       CASE i % 3 WHEN 0 THEN ARRAY['newsletter'] WHEN 1 THEN ARRAY['vip', 'a "quoted" tag'] ELSE '{}'::text[] END,
       jsonb_build_object('language', pg_temp.pick(ARRAY['de', 'en', 'fr'], i), 'consent', i % 4 > 0, 'visits', i % 40),
       timestamptz '2021-01-01 00:00:00+00' + (i * 811 % 150000000) * interval '1 second'
FROM generate_series(1::bigint, 199880) AS i
CROSS JOIN (SELECT ARRAY['example.com', 'example.org', 'example.net', 'mail.example'] AS domains) AS d
CROSS JOIN LATERAL (
    SELECT pg_temp.pick(ARRAY['Ada', 'Bruno', 'Clara', 'David', 'Elif', 'Femke', 'Georg', 'Hanna', 'Ivo', 'Jana', 'Karim',
                              'Lena', 'Mateo', 'Nora', 'Oskar', 'Paula', 'Quirin', 'Rosa', 'Samir', 'Tilda'], i) AS first_name,
           pg_temp.pick(ARRAY['Abel', 'Brandt', 'Conrad', 'Dahl', 'Engel', 'Fuchs', 'Graf', 'Hahn', 'Imhof', 'Jung', 'Kern',
                              'Lorenz', 'Maurer', 'Nagel', 'Otto', 'Pohl', 'Reuter', 'Sommer', 'Thoma', 'Vogt'], i + 1) AS last_name
) AS n
LEFT JOIN ring AS card_of ON card_of.id = i AND card_of.shares = 'card'
LEFT JOIN ring AS iban_of ON iban_of.id = i AND iban_of.shares = 'iban'
LEFT JOIN ring AS phone_of ON phone_of.id = i AND phone_of.shares = 'phone';

-- Doubled ids: the second row is somebody else's.
INSERT INTO customers
SELECT 50000 + i * 3, 'Doubled Row', 'doubled' || i || '@example.com', '+49 40 ' || 7770000 + i, NULL,
       pg_temp.iban('37040044' || lpad((900000 + i)::text, 10, '0')), NULL, date '1980-01-01', 'DE', NULL, '{}', '{}',
       timestamptz '2024-06-01 12:00:00+00'
FROM generate_series(1, 120) AS i;

CREATE TABLE payments (
    id bigint PRIMARY KEY,
    customer_id bigint NOT NULL,
    amount numeric(12, 2) NOT NULL,
    currency text NOT NULL,
    payer_iban varchar(34),
    status text NOT NULL,
    reference text,
    paid_at timestamptz NOT NULL
);

INSERT INTO payments
SELECT i,
       CASE WHEN i % 1250 = 3 THEN 9000000 + i ELSE 1 + i * 7919 % 199880 END,
       (i * 31 % 250000) / 100.0,
       CASE WHEN i % 9 = 0 THEN 'CHF' ELSE 'EUR' END,
       pg_temp.iban('37040044' || lpad((1 + i * 7919 % 199880)::text, 10, '0')),
       CASE WHEN i % 500 = 1 THEN 'test' WHEN i % 40 = 0 THEN 'refunded' ELSE 'settled' END,
       CASE WHEN i % 4 = 0 THEN 'Invoice ' || i || ' thank you' END,
       timestamptz '2025-01-01 00:00:00+00' + (i * 61 % 40000000) * interval '1 second'
FROM generate_series(1::bigint, 500000) AS i;
