package metric

// Of units, what blank predictions must give: texts without a character, lists in
// which nothing was found. Nothing of what there is was found, and nothing else was.
var blanks = map[string]float64{
	// all words are deleted
	"cer@1": 1, "cer_del@1": 1, "cer_ins@1": 0, "cer_sub@1": 0, "wer@1": 1, "wer_del@1": 1, "wer_ins@1": 0, "wer_sub@1": 0,
	"mer@1": 1, "wil@1": 1, "wip@1": 0, "mixed_error_rate@1": 1,
	"bleu@1": 0, "chrf@1": 0, "rouge1@1": 0, "rouge2@1": 0, "rouge_l@1": 0, "rouge_lsum@1": 0,
	"segmentation_f1@1": 0, "segmentation_recall@1": 0, "segmentation_oov_recall@1": 0, "segmentation_iv_recall@1": 0,
	"span_f1@1": 0, "span_relaxed_f1@1": 0,

	// all speech is missed, nothing is said where nobody speaks
	"der@1": 1, "der_missed@1": 1, "der_false_alarm@1": 0, "der_confusion@1": 0, "jer@1": 1,
	"cllr@1": 1, "eer@1": 0.5, "min_dcf@1": 1, // every trial is as likely as not

	"map@1": 0, "mrr@1": 0, "ndcg@1": 0, "bpref@1": 0, "err@1": 0, "rbp@1": 0,
	"precision_at_k@1": 0, "recall_at_k@1": 0, "r_precision@1": 0, "success_at_k@1": 0,

	"coco_ap@1": 0, "coco_ap50@1": 0, "coco_ap75@1": 0, "coco_ap_small@1": 0, "coco_ap_medium@1": 0, "coco_ap_large@1": 0,
	"coco_ar1@1": 0, "coco_ar10@1": 0, "coco_ar100@1": 0, "coco_ar_small@1": 0, "coco_ar_medium@1": 0, "coco_ar_large@1": 0,
	"lvis_ap@1": 0, "lvis_ap50@1": 0, "lvis_ap75@1": 0, "lvis_ap_small@1": 0, "lvis_ap_medium@1": 0, "lvis_ap_large@1": 0,
	"lvis_ap_rare@1": 0, "lvis_ap_common@1": 0, "lvis_ap_frequent@1": 0, "lvis_ar300@1": 0,
	"oks_ap@1": 0, "oks_ap50@1": 0, "oks_ap75@1": 0, "oks_ap_medium@1": 0, "oks_ap_large@1": 0, "oks_ar@1": 0, "voc_ap@1": 0,
	"panoptic_pq@1": 0, "panoptic_rq@1": 0,
	"hota@1": 0, "deta@1": 0, "assa@1": 0, "idf1@1": 0, "idp@1": 0, "idr@1": 0, "mota@1": 0,
	"atwv@1": 0, "mtwv@1": 0, // no term is found, none is a false alarm
	"mostly_tracked@1": 0, "mostly_lost@1": 1, "partly_tracked@1": 0, "idsw@1": 0, "fragments@1": 0,
	"loca@1": 1, "motp@1": 0, // by convention, of no match

	"panoptic_sq@1": 0, "pixel_accuracy@1": 0, "miou@1": 0, "fw_iou@1": 0, "mean_dice@1": 0, "boundary_iou@1": 0,
	"segmentation_precision@1": 0, "pass_at_k@1": 0,
	"c_index@1": 0.5, // every risk is as high
	// nobody is said yes to, so that all groups fare alike
	"parity_difference@1": 0, "parity_ratio@1": 1, "equal_opportunity@1": 0, "equalized_odds@1": 0, "equalized_odds_mean@1": 0,
	"homogeneity@1": 1, "ari@1": 0, // nothing is in a cluster with another
}

// Of units, what one answer for all of them must give: one cluster, one score, one decision.
var alike = map[string]float64{
	"ari@1": 0, "ami@1": 0, "nmi@1": 0, "homogeneity@1": 0, "v_measure@1": 0, "completeness@1": 1, "er_pairwise_recall@1": 1,
	"eer@1": 0.5, "min_dcf@1": 1, "c_index@1": 0.5,
	"parity_difference@1": 0, "parity_ratio@1": 1, "equal_opportunity@1": 0, "equalized_odds@1": 0, "equalized_odds_mean@1": 0,
}

// Blank is what a metric of units, with these parameters, must give when nothing was
// found; nil where that depends on the truth, and where a unit of the truth is as blank.
func Blank(use string, params map[string]any) *Declared {
	switch use {
	case "hausdorff95@1", "assd@1": // of a shape that is not there
		if v, ok := params["missing"].(float64); ok {
			return exactly(v)
		}
	case "distinct_n@1":
		return &Declared{Reason: Nothing}
	}
	return listed(blanks, use)
}

// Alike is what a metric of units must give one answer for all of them; nil where
// that depends on the truth.
func Alike(use string) *Declared { return listed(alike, use) }

func listed(of map[string]float64, use string) *Declared {
	if v, ok := of[use]; ok {
		return exactly(v)
	}
	return nil
}
