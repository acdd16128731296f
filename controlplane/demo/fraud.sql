-- Rings: at least three customers who share a card, an IBAN or a phone. The same text runs on source and destination.
SELECT kind, ids
FROM (
    SELECT 'card' AS kind, array_agg(DISTINCT id ORDER BY id) AS ids FROM public.customers
     WHERE card IS NOT NULL GROUP BY card HAVING count(DISTINCT id) >= 3
    UNION ALL
    SELECT 'iban', array_agg(DISTINCT id ORDER BY id) FROM public.customers
     WHERE iban IS NOT NULL GROUP BY iban HAVING count(DISTINCT id) >= 3
    UNION ALL
    SELECT 'phone', array_agg(DISTINCT id ORDER BY id) FROM public.customers
     WHERE phone IS NOT NULL GROUP BY phone HAVING count(DISTINCT id) >= 3
) AS rings
ORDER BY ids, kind
