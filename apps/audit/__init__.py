"""The trail: events appended in the transaction of the act, sequenced, chained and signed by the notary."""
